// Which instruction of the bytecode an operation of the IR is: their meaning stands in
// core/isa/alu.h and nowhere else.
#pragma once

#include <algorithm>
#include <bit>
#include <iterator>
#include <optional>

#include "core/ir/ir.h"
#include "core/isa/alu.h"

namespace vfm::ir {

struct ArithmeticRow {
    Op op;
    Opcode opcode;
};
inline constexpr ArithmeticRow kArithmetic[] = {
    {Op::add, Opcode::ADD}, {Op::sub, Opcode::SUB},  {Op::mul, Opcode::MUL},
    {Op::div, Opcode::DIV}, {Op::mod, Opcode::MOD},  {Op::and_, Opcode::AND},
    {Op::or_, Opcode::OR},  {Op::xor_, Opcode::XOR}, {Op::shl, Opcode::SHL},
    {Op::shr, Opcode::SHR}, {Op::not_, Opcode::NOT}, {Op::neg, Opcode::NEG},
};

/// The operation of an instruction of the groups binary and unary.
constexpr Op arithmetic_op(Opcode opcode) {
    return std::ranges::find(kArithmetic, opcode, &ArithmeticRow::opcode)->op;
}

/// The instruction of an arithmetic operation; nothing for another one.
constexpr std::optional<Opcode> arithmetic_opcode(Op op) {
    const auto* row = std::ranges::find(kArithmetic, op, &ArithmeticRow::op);
    if (row == std::end(kArithmetic)) return std::nullopt;
    return row->opcode;
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
    if (op < Op::eq || op > Op::le) return std::nullopt;
    return static_cast<Comparison>(static_cast<int>(op) - static_cast<int>(Op::eq));
}

/// The result of an arithmetic operation or comparison (b: whatever, for one operand); nothing for
/// another operation or a division by zero.
constexpr std::optional<uint64_t> evaluate(Op op, uint64_t a, uint64_t b) {
    if (const auto comparison = op_comparison(op)) return compare(*comparison, a, b) ? 1 : 0;
    const auto opcode = arithmetic_opcode(op);
    if (!opcode) return std::nullopt;
    if (op_info(op).operands == 1) return unary(*opcode, a);
    if ((op == Op::div || op == Op::mod) && b == 0) return std::nullopt;
    return binary(*opcode, a, b);
}

/// True if a op b is b op a.
constexpr bool commutes(Op op) {
    switch (op) {
        case Op::add:
        case Op::mul:
        case Op::and_:
        case Op::or_:
        case Op::xor_:
        case Op::eq:
        case Op::ne:
            return true;
        default:
            return false;
    }
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
