// Comparisons: flags for a branch, or a truth value.
#include <bit>
#include <utility>

#include "userspace/jit/x64/emitter.h"

namespace vfm::jit {

using ir::Op;
using ir::Value;

namespace {

using Condition = x86::CondCode;

Condition condition_of(Comparison comparison) {
    switch (comparison) {
        case Comparison::eq:
            return Condition::kEqual;
        case Comparison::ne:
            return Condition::kNotEqual;
        case Comparison::gt:
            return Condition::kUnsignedGT;
        case Comparison::lt:
            return Condition::kUnsignedLT;
        case Comparison::ge:
            return Condition::kUnsignedGE;
        case Comparison::le:
            return Condition::kUnsignedLE;
    }
    return Condition::kEqual;
}

bool is_equality(Comparison comparison) {
    return comparison == Comparison::eq || comparison == Comparison::ne;
}

/// The greatest number of `size` bytes.
uint64_t ones(unsigned size) { return ~uint64_t{0} >> (64 - 8 * size); }

uint64_t swapped(uint64_t number, unsigned size) {
    return std::byteswap(number) >> (64 - 8 * size);
}

Comparison comparison_of_op(Op op) {
    switch (op) {
        case Op::ne:
            return Comparison::ne;
        case Op::gt:
            return Comparison::gt;
        case Op::lt:
            return Comparison::lt;
        case Op::ge:
            return Comparison::ge;
        case Op::le:
            return Comparison::le;
        default:
            return Comparison::eq;
    }
}

}  // namespace

// A load against a number without a register, if the number is one that the load can give.
std::optional<Emitter::Condition> Emitter::compare_load(Comparison comparison, const Value& load,
                                                        uint64_t number) {
    if (number > ones(load.size)) return {};
    if (!is_raw(load)) {
        if (!is_equality(comparison)) return {};
        number = swapped(number, load.size);
    }
    if (load.size > 1)
        remark("{:#x} in the order of the packet's bytes", swapped(number, load.size));
    if (load.size == 8 && !fits_signed(number)) {
        const x86::Mem at = address(load, load.size);
        load_number(r10, number);
        out_.cmp(at, x86::r10);
    } else {
        const int64_t immediate = load.size == 8   ? static_cast<int64_t>(number)
                                  : load.size == 4 ? static_cast<int32_t>(number)
                                  : load.size == 2 ? static_cast<int16_t>(number)
                                                   : static_cast<int8_t>(number);
        out_.cmp(address(load, load.size), asmjit::imm(immediate));
    }
    return condition_of(comparison);
}

// Whether any bit of the mask is set in a load. One byte of it is enough for most masks.
Emitter::Condition Emitter::test_load(bool set, const Value& load, uint64_t mask) {
    mask &= ones(load.size);
    const bool raw = is_raw(load);
    const auto lowest = static_cast<unsigned>(std::countr_zero(mask | ones(8) << 63)) / 8;
    if (mask != 0 && mask >> (8 * lowest) <= 0xff) {
        const unsigned byte = raw ? lowest : load.size - 1 - lowest;
        x86::Mem at = address(load, 1);
        at.addOffset(byte);
        out_.test(at, asmjit::imm(static_cast<int8_t>(mask >> (8 * lowest))));
    } else {
        if (!raw) mask = swapped(mask, load.size);
        const x86::Mem at = address(load, load.size);
        if (load.size == 8) {
            load_number(r10, mask);
            out_.test(at, x86::r10);
        } else {
            const int64_t immediate =
                load.size == 4 ? static_cast<int32_t>(mask) : static_cast<int16_t>(mask);
            out_.test(at, asmjit::imm(immediate));
        }
    }
    return set ? Condition::kNotZero : Condition::kZero;
}

Emitter::Condition Emitter::test_mask(bool set, Id id, uint64_t mask) {
    const Value& value = function_[id];
    if (is_folded(id) && (ir::is_load(value.op) || ir::is_loadx(value.op)))
        return test_load(set, value, mask);
    const unsigned reg = fetch(id, r11);
    if (mask <= 0x7f) {
        out_.test(b(reg), asmjit::imm(static_cast<int8_t>(mask)));
    } else if (mask <= UINT32_MAX) {
        out_.test(d(reg), asmjit::imm(static_cast<int32_t>(mask)));
    } else if (std::has_single_bit(mask)) {
        out_.bt(q(reg), static_cast<uint32_t>(std::countr_zero(mask)));
        return set ? Condition::kC : Condition::kNC;
    } else {
        load_number(r10, mask);
        out_.test(q(reg), x86::r10);
    }
    return set ? Condition::kNotZero : Condition::kZero;
}

// Whether any bit is set in an `and` that is made here only.
Emitter::Condition Emitter::test(bool set, const Value& both) {
    if (const uint64_t* mask = number(both.b)) return test_mask(set, both.a, *mask);
    if (const uint64_t* mask = number(both.a)) return test_mask(set, both.b, *mask);
    const unsigned first = fetch(both.a, r10);
    const unsigned second = fetch(both.b, r11);
    if (plan_[both.a].bits <= 1 && plan_[both.b].bits <= 1)
        out_.test(b(first), b(second));
    else
        out_.test(q(first), q(second));
    return set ? Condition::kNotZero : Condition::kZero;
}

Emitter::Condition Emitter::compare_number(Comparison comparison, Id a, uint64_t number) {
    const Value& value = function_[a];
    const bool equality = is_equality(comparison);
    if (is_folded(a)) {
        if (value.op == Op::and_)
            return test((comparison == Comparison::eq) == (number != 0), value);
        if (const auto condition = compare_load(comparison, value, number)) return *condition;
    }
    if (equality && plan_[a].bits <= 1 && number <= 1) {
        const unsigned reg = fetch(a, r11);
        out_.test(b(reg), b(reg));
        return (comparison == Comparison::eq) == (number != 0) ? Condition::kNotZero
                                                               : Condition::kZero;
    }
    const bool wide = is_wide(a) || number > UINT32_MAX;
    if (wide && !fits_signed(number)) {
        const unsigned reg = fetch(a, r11);
        load_number(r10, number);
        out_.cmp(q(reg), x86::r10);
        return condition_of(comparison);
    }
    const auto immediate =
        asmjit::imm(wide ? static_cast<int64_t>(number) : static_cast<int32_t>(number));
    if (const auto memory = memory_operand(a, wide)) {
        out_.cmp(*memory, immediate);
        return condition_of(comparison);
    }
    const unsigned reg = fetch(a, r11);
    if (number == 0 && equality)
        out_.test(sized(reg, wide), sized(reg, wide));
    else
        out_.cmp(sized(reg, wide), immediate);
    return condition_of(comparison);
}

// Compares two values; the condition under which the comparison holds. Uses r10 and r11 only.
Emitter::Condition Emitter::compare(Comparison comparison, Id a, Id b) {
    if (number(a) && !number(b)) {
        std::swap(a, b);
        comparison = mirror(comparison);
    }
    if (number(b) && !number(a)) return compare_number(comparison, a, *number(b));
    const bool wide = is_wide(a) || is_wide(b);
    const unsigned first = fetch(a, r10);
    if (const auto memory = memory_operand(b, wide))
        out_.cmp(sized(first, wide), *memory);
    else
        out_.cmp(sized(first, wide), sized(fetch(b, r11), wide));
    return condition_of(comparison);
}

void Emitter::truth(Id id, const Value& value) {
    const unsigned own = target(id, r10);
    // Zeroing the register first is cheaper than extending the byte, but changes the flags.
    const bool zero_first =
        plan_[id].full && own != r10 && !reads(value.a, own) && !reads(value.b, own);
    if (zero_first) out_.xor_(d(own), d(own));
    const Condition condition = compare(comparison_of_op(value.op), value.a, value.b);
    out_.set(condition, b(own));
    if (plan_[id].full && !zero_first) out_.movzx(d(own), b(own));
    store(id, own);
}

// To `otherwise` unless base + imm, not wrapping, is within the packet's length.
void Emitter::guard_index(Id base, uint64_t imm, const asmjit::Label& otherwise) {
    if (imm > kMaxPacket) {
        out_.jmp(otherwise);
        return;
    }
    const unsigned reg = fetch(base, r11);
    if (plan_[base].bits <= 32) {
        out_.lea(x86::r10, x86::ptr(q(reg), static_cast<int32_t>(imm)));
        out_.cmp(x86::r10, x86::rsi);
    } else {
        out_.mov(x86::r10d, x86::esi);
        out_.sub(x86::r10, static_cast<int32_t>(imm));
        out_.jb(otherwise);
        out_.cmp(q(reg), x86::r10);
    }
    out_.ja(otherwise);
}

}  // namespace vfm::jit
