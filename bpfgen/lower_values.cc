#include "bpfgen/lower_values.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/ebpf/arithmetic.h"
#include "core/ir/form/arithmetic.h"

namespace vfm::bpf {

using ir::Op;
using ir::ValueId;

struct ValueLowering::AluRow {
    Op op;
    unsigned code;
};
const ValueLowering::AluRow ValueLowering::kAlu[] = {
    {Op::add, BPF_ADD}, {Op::sub, BPF_SUB},  {Op::mul, BPF_MUL}, {Op::div, BPF_DIV},
    {Op::mod, BPF_MOD}, {Op::and_, BPF_AND}, {Op::or_, BPF_OR},  {Op::xor_, BPF_XOR},
    {Op::shl, BPF_LSH}, {Op::shr, BPF_RSH},
};

namespace {

constexpr uint64_t kOnes = ~uint64_t{0};

unsigned jump_code(Comparison comparison) {
    switch (comparison) {
        case Comparison::eq:
            return BPF_JEQ;
        case Comparison::ne:
            return BPF_JNE;
        case Comparison::gt:
            return BPF_JGT;
        case Comparison::lt:
            return BPF_JLT;
        case Comparison::ge:
            return BPF_JGE;
        case Comparison::le:
            return BPF_JLE;
    }
    return BPF_JEQ;
}

}  // namespace

VReg ValueLowering::read(ValueId value) {
    return is_number(value) ? b_.number(f_[value].imm) : reg_of_[value];
}

VReg ValueLowering::tested(ValueId value) {
    if (facts_.is_hidden(value)) return b_.blurred(read(value));
    // Arithmetic that changes nothing: what it gives is another number to the verifier.
    return facts_.is_followed(value) ? b_.alu_imm(BPF_OR, read(value), 0) : read(value);
}

std::optional<VReg> ValueLowering::operation(ValueId id) {
    const ir::Value& value = f_[id];
    if (const auto kind = ir::op_comparison(value.op)) return comparison(*kind, value.a, value.b);
    if (value.op == Op::not_) return b_.alu_imm(BPF_XOR, read(value.a), kOnes);
    if (value.op == Op::neg) return b_.neg(read(value.a));
    for (const AluRow& row : kAlu) {
        if (row.op == value.op) return arithmetic(row, id);
    }
    return std::nullopt;
}

VReg ValueLowering::with_number(unsigned code, VReg a, uint64_t number) {
    if (fits_imm(number)) return b_.alu_imm(code, a, number);
    // Two shifts are shorter than a number of two slots.
    const auto bits = static_cast<unsigned>(std::bit_width(number));
    if (code == BPF_AND && bits > 32 && std::has_single_bit(number + 1)) {
        const VReg above = b_.alu_imm(BPF_LSH, a, 64 - bits);
        return b_.alu_imm(BPF_RSH, above, 64 - bits);
    }
    return b_.alu(code, a, b_.number(number));
}

VReg ValueLowering::binary(unsigned code, VReg a, ValueId b) {
    return is_number(b) ? with_number(code, a, f_[b].imm) : b_.alu(code, a, reg_of_[b]);
}

VReg ValueLowering::arithmetic(const AluRow& row, ValueId id) {
    ValueId a = f_[id].a;
    ValueId b = f_[id].b;
    if (ebpf::commutes(row.code) && is_number(a)) std::swap(a, b);
    const VReg left = read(a);
    const bool shift = row.op == Op::shl || row.op == Op::shr;
    if (shift && is_number(b)) return b_.alu_imm(row.code, left, f_[b].imm & 63);
    // The verifier does not remember of what a difference was made.
    if (row.op == Op::add && facts_.is_compared_sum(id) && fits_imm(0 - f_[b].imm))
        return b_.alu_imm(BPF_SUB, left, 0 - f_[b].imm);
    return binary(row.code, left, b);
}

// 1 if a - b, computed without a borrow out, is negative: a < b. Free of branches, so that the
// kernel's verifier does not follow both outcomes from here on.
VReg ValueLowering::is_less(ValueId a, ValueId b) {
    const VReg left = read(a);
    const VReg difference = binary(BPF_SUB, left, b);
    if (facts_.bits(a) < 64 && facts_.bits(b) < 64) return b_.alu_imm(BPF_RSH, difference, 63);
    const VReg only_b = binary(BPF_AND, b_.alu_imm(BPF_XOR, left, kOnes), b);
    const VReg same = b_.alu_imm(BPF_XOR, binary(BPF_XOR, left, b), kOnes);
    const VReg lost = b_.alu(BPF_AND, same, difference);
    const VReg borrow = b_.alu(BPF_OR, only_b, lost);
    return b_.alu_imm(BPF_RSH, borrow, 63);
}

// The sign of -x, or of x | -x where x may have 64 bits, tells x != 0.
VReg ValueLowering::is_unequal(ValueId a, ValueId b) {
    if (is_number(a)) std::swap(a, b);
    VReg x = read(a);
    if (!is_number(b)) {
        x = b_.alu(BPF_XOR, x, reg_of_[b]);
    } else if (f_[b].imm != 0) {
        x = with_number(BPF_XOR, x, f_[b].imm);
    } else if (facts_.bits(a) <= 1) {
        return b_.mov(x);
    }
    VReg sign = b_.neg(x);
    if (std::max(facts_.bits(a), facts_.bits(b)) == 64) sign = b_.alu(BPF_OR, sign, x);
    return b_.alu_imm(BPF_RSH, sign, 63);
}

VReg ValueLowering::comparison(Comparison comparison, ValueId a, ValueId b) {
    const auto inverted = [&](VReg bit) { return b_.alu_imm(BPF_XOR, bit, 1); };
    switch (comparison) {
        case Comparison::ne:
            return is_unequal(a, b);
        case Comparison::eq:
            return inverted(is_unequal(a, b));
        case Comparison::lt:
            return is_less(a, b);
        case Comparison::gt:
            return is_less(b, a);
        case Comparison::ge:
            return inverted(is_less(a, b));
        case Comparison::le:
            return inverted(is_less(b, a));
    }
    return kNoReg;
}

Condition ValueLowering::condition(Comparison comparison, ValueId a, ValueId b) {
    if (is_number(a)) {
        std::swap(a, b);
        comparison = mirror(comparison);
    }
    Condition c{.code = static_cast<uint8_t>(jump_code(comparison)), .a = tested(a)};
    c.narrow = facts_.bits(a) <= 32 && facts_.bits(b) <= 32;
    if (!is_number(b)) {
        c.b = read(b);
        return c;
    }
    const uint64_t number = f_[b].imm;
    if (c.narrow || fits_imm(number)) {
        c.imm = number;
    } else {
        c.b = b_.number(number);
    }
    return c;
}

}  // namespace vfm::bpf
