// What the operations of the table make of numbers of 32 or 64 bits.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "core/ebpf/insn.h"

namespace vfm::ebpf {

/// Of alu, negate (of `a`) and atomic: what is put in the place of `a`. Division by 0 gives 0, the
/// remainder of it `a`; shifts take their number modulo the width. CMPXCHG is its caller's.
template <class T>
constexpr T arithmetic(Op op, T a, T b) {
    constexpr T kShiftMask = sizeof(T) * 8 - 1;
    switch (op) {
        case Op::ADD:
        case Op::ATOMIC_ADD:
        case Op::FETCH_ADD:
            return a + b;
        case Op::SUB:
            return a - b;
        case Op::MUL:
            return a * b;
        case Op::DIV:
            return b == 0 ? 0 : a / b;
        case Op::MOD:
            return b == 0 ? a : a % b;
        case Op::OR:
        case Op::ATOMIC_OR:
        case Op::FETCH_OR:
            return a | b;
        case Op::AND:
        case Op::ATOMIC_AND:
        case Op::FETCH_AND:
            return a & b;
        case Op::XOR:
        case Op::ATOMIC_XOR:
        case Op::FETCH_XOR:
            return a ^ b;
        case Op::LSH:
            return a << (b & kShiftMask);
        case Op::RSH:
            return a >> (b & kShiftMask);
        case Op::ARSH:
            return static_cast<T>(static_cast<std::make_signed_t<T>>(a) >> (b & kShiftMask));
        case Op::NEG:
            return T{0} - a;
        default:
            return b;  // MOV, XCHG
    }
}

/// Of branch: whether it is taken.
template <class Unsigned>
constexpr bool holds(Op op, Unsigned a, Unsigned b) {
    using Signed = std::make_signed_t<Unsigned>;
    const auto x = static_cast<Signed>(a), y = static_cast<Signed>(b);
    switch (op) {
        case Op::JEQ:
            return a == b;
        case Op::JNE:
            return a != b;
        case Op::JGT:
            return a > b;
        case Op::JGE:
            return a >= b;
        case Op::JLT:
            return a < b;
        case Op::JLE:
            return a <= b;
        case Op::JSGT:
            return x > y;
        case Op::JSGE:
            return x >= y;
        case Op::JSLT:
            return x < y;
        case Op::JSLE:
            return x <= y;
        default:
            return (a & b) != 0;  // JSET
    }
}

/// Of branch: what holds where `a op b` does not; JSET has none.
constexpr Op negated(Op op) {
    switch (op) {
        case Op::JEQ:
            return Op::JNE;
        case Op::JNE:
            return Op::JEQ;
        case Op::JGT:
            return Op::JLE;
        case Op::JGE:
            return Op::JLT;
        case Op::JLT:
            return Op::JGE;
        case Op::JLE:
            return Op::JGT;
        case Op::JSGT:
            return Op::JSLE;
        case Op::JSGE:
            return Op::JSLT;
        case Op::JSLT:
            return Op::JSGE;
        default:
            return Op::JSGT;  // JSLE
    }
}

/// Of branch: what holds of b and a where `a op b` holds.
constexpr Op mirrored(Op op) {
    switch (op) {
        case Op::JGT:
            return Op::JLT;
        case Op::JGE:
            return Op::JLE;
        case Op::JLT:
            return Op::JGT;
        case Op::JLE:
            return Op::JGE;
        case Op::JSGT:
            return Op::JSLT;
        case Op::JSGE:
            return Op::JSLE;
        case Op::JSLT:
            return Op::JSGT;
        case Op::JSLE:
            return Op::JSGE;
        default:
            return op;
    }
}

/// Of swap, on a little-endian host: LE cuts to the width, BE also swaps.
constexpr uint64_t swap_bytes(Op op, unsigned bytes, uint64_t value) {
    const bool swap = op == Op::BE;
    switch (bytes) {
        case 2: {
            const auto cut = static_cast<uint16_t>(value);
            return swap ? std::byteswap(cut) : cut;
        }
        case 4: {
            const auto cut = static_cast<uint32_t>(value);
            return swap ? std::byteswap(cut) : cut;
        }
        default:
            return swap ? std::byteswap(value) : value;
    }
}

/// BPF_ADD .. BPF_ARSH: a op b is b op a.
constexpr bool commutes(unsigned op) {
    return op == BPF_ADD || op == BPF_MUL || op == BPF_AND || op == BPF_OR || op == BPF_XOR;
}

}  // namespace vfm::ebpf
