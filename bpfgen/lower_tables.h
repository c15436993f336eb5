// Operations on flow tables of the IR: which access each is, in line or called, and with what an
// earlier one has found.
#pragma once

#include <unordered_map>
#include <vector>

#include "bpfgen/exchanges.h"
#include "bpfgen/lower_flow.h"
#include "bpfgen/lower_values.h"
#include "bpfgen/maps.h"
#include "bpfgen/shared_access.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

class TableLowering {
  public:
    /// All outlive the object.
    TableLowering(const ir::Function& function, const Exchanges& exchanges, Maps& maps,
                  SharedAccess& shared, Builder& builder, const ValueLowering& values)
        : f_(function),
          exchanges_(exchanges),
          maps_(maps),
          shared_(shared),
          v_(values),
          code_(builder) {}

    /// The result of a flow_get or flow_add; a flow_set has none.
    VReg operation(ir::ValueId id);

    /// Puts the key of an access where that wants it.
    void write_key(ir::ValueId access);
    /// The same for the access that follows a call in a block, if all of the key is known: in the
    /// frame it needs no registers across the call.
    void write_key_ahead(const ir::IdList& body, ir::ValueId call);

    /// See TableCode.
    void later(Label label, std::function<void()> code) { code_.later(label, std::move(code)); }
    void finish() { code_.finish(); }

  private:
    Operand operand(ir::ValueId value) const;
    std::vector<Operand> key_of(const ir::Value& value) const;
    VReg entry_for(ir::ValueId store) const;
    VReg access(TableAccess kind, ir::ValueId id, const std::vector<Operand>& operands);
    void store(ir::ValueId id, ir::ValueId value);

    const ir::Function& f_;
    const Exchanges& exchanges_;
    Maps& maps_;
    SharedAccess& shared_;
    const ValueLowering& v_;
    TableCode code_;
    std::unordered_map<ir::ValueId, VReg> exchanged_;  // 0 if a store was made, by the store
    std::unordered_map<ir::ValueId, VReg> entries_;    // what a flow_get has found, by it
};

}  // namespace vfm::bpf
