// Arithmetic, comparisons and conditions of IR values: the part of lowering that knows neither
// packets nor control flow.
#pragma once

#include <optional>
#include <vector>

#include "bpfgen/builder.h"
#include "bpfgen/value_facts.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

class ValueLowering {
  public:
    ValueLowering(Builder& builder, const ir::Function& function, const ValueFacts& facts)
        : b_(builder), f_(function), facts_(facts), reg_of_(function.values.size(), kNoReg) {}

    /// The register of a value other than a constant.
    VReg reg(ir::ValueId value) const { return reg_of_[value]; }
    void set(ir::ValueId value, VReg reg) { reg_of_[value] = reg; }
    bool is_number(ir::ValueId value) const { return f_[value].op == ir::Op::constant; }

    /// A value as an operand. Numbers are made where they are used: they cost no register before.
    VReg read(ir::ValueId value);
    /// A value for a test whose outcome the kernel's verifier is not to know beforehand.
    VReg tested(ir::ValueId value);
    /// The result of an arithmetic operation or a comparison; nothing for another operation.
    std::optional<VReg> operation(ir::ValueId id);
    Condition condition(Comparison comparison, ir::ValueId a, ir::ValueId b);

  private:
    struct AluRow;
    static const AluRow kAlu[];

    VReg binary(unsigned code, VReg a, ir::ValueId b);
    VReg with_number(unsigned code, VReg a, uint64_t number);
    VReg arithmetic(const AluRow& row, ir::ValueId id);
    VReg is_less(ir::ValueId a, ir::ValueId b);
    VReg is_unequal(ir::ValueId a, ir::ValueId b);
    VReg comparison(Comparison comparison, ir::ValueId a, ir::ValueId b);

    Builder& b_;
    const ir::Function& f_;
    const ValueFacts& facts_;
    std::vector<VReg> reg_of_;
};

}  // namespace vfm::bpf
