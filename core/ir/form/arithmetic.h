// Operations of the IR as instructions of the bytecode: what arithmetic and comparisons mean stands
// in core/isa/alu.h and nowhere else.
#pragma once

#include <algorithm>
#include <iterator>
#include <optional>

#include "core/ir/form/ir.h"
#include "core/isa/alu.h"

namespace vfm::ir {

/// The operation of an instruction of the groups binary and unary.
constexpr Op arithmetic_op(Opcode opcode) {
    const auto* const row = std::ranges::find(detail::kOpInfo, opcode, &OpInfo::does);
    return static_cast<Op>(row - std::begin(detail::kOpInfo));
}

/// True of arithmetic on one or two numbers.
constexpr bool is_arithmetic(Op op) {
    return op_info(op).kind == OpKind::binary || op_info(op).kind == OpKind::unary;
}

// Operations that compare stand in the order of the comparisons.
constexpr Op compare_op(Comparison comparison) {
    return static_cast<Op>(static_cast<int>(Op::eq) + static_cast<int>(comparison));
}
static_assert(compare_op(Comparison::eq) == Op::eq && compare_op(Comparison::ne) == Op::ne &&
              compare_op(Comparison::gt) == Op::gt && compare_op(Comparison::lt) == Op::lt &&
              compare_op(Comparison::ge) == Op::ge && compare_op(Comparison::le) == Op::le);

/// The comparison that an operation makes a number of; nothing for another operation.
constexpr std::optional<Comparison> op_comparison(Op op) {
    if (op_info(op).kind != OpKind::compare) return std::nullopt;
    return static_cast<Comparison>(static_cast<int>(op) - static_cast<int>(Op::eq));
}

/// The result of an arithmetic operation or comparison (b: whatever, for one operand); nothing for
/// another operation or a division by zero.
constexpr std::optional<uint64_t> evaluate(Op op, uint64_t a, uint64_t b) {
    const OpInfo& info = op_info(op);
    if (info.kind == OpKind::compare) return compare(*op_comparison(op), a, b) ? 1 : 0;
    if (info.kind == OpKind::unary) return unary(*info.does, a);
    if (info.kind != OpKind::binary) return std::nullopt;
    if ((op == Op::div || op == Op::mod) && b == 0) return std::nullopt;
    return binary(*info.does, a, b);
}

/// True if x op number is x for every x up to a bound.
constexpr bool gives_back(Op op, uint64_t bound, uint64_t number) {
    switch (op) {
        case Op::add:
        case Op::sub:
        case Op::or_:
        case Op::xor_:
            return number == 0;
        case Op::mul:
        case Op::div:
            return number == 1;
        case Op::mod:
            return bound < number;
        case Op::shl:
        case Op::shr:
            return (number & 63) == 0;
        case Op::and_:  // all bits set up to the highest that x may have
            return bound <= (number & ~(number + 1));
        default:
            return false;
    }
}

}  // namespace vfm::ir
