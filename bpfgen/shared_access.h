// Accesses to flow tables that stand once, as subprograms, and are called where they are used: one
// for each kind of access and table. A call takes a few instructions of the program, and of the
// kernel's verifier, which knows nothing of what it gives; in line an access takes some fifty, and
// several paths. A call costs a packet one or two nanoseconds more.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "bpfgen/lower_flow.h"
#include "bpfgen/maps.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

class SharedAccess {
  public:
    /// What is given outlives the object.
    SharedAccess(Emitter& emitter, Maps& maps, SharedCode form)
        : emitter_(emitter), maps_(maps), form_(form) {}

    /// By how often the function accesses tables. Until then, none is shared.
    void choose(const ir::Function& function);

    /// True if such an access, with a key of so many words, is to be called.
    bool has(TableAccess access, size_t words) const;
    /// Calls it: the key and the operands beside it in, what the access gives out.
    VReg call(Builder& b, TableAccess access, uint32_t table, std::span<const VReg> key,
              std::span<const VReg> operands);

    /// Writes the subprograms that are called, behind the program.
    void emit();
    /// Those that emit() has written, once the code is laid out.
    std::vector<Subprogram> subprograms(const Code& code) const;

  private:
    struct Which {
        uint32_t table;
        TableAccess access;
        auto operator<=>(const Which&) const = default;
    };
    struct Called {
        Label label;
        size_t words;
        uint32_t origin;  // of the first call
    };

    Emitter& emitter_;
    Maps& maps_;
    SharedCode form_;
    bool chosen_ = false;
    std::map<Which, Called> called_;
    std::vector<Subprogram> written_;
};

}  // namespace vfm::bpf
