// One constructor for each form of eBPF instruction, so that no other file puts opcode bits
// together. Operations are given as the kernel's own numbers, BPF_ADD, BPF_JEQ.
#pragma once

#include "core/ebpf/insn.h"

namespace vfm::ebpf {

/// True if a 32-bit immediate, sign-extended as ALU64, JMP and MOV64 do, gives `value`.
constexpr bool fits_imm(uint64_t value) {
    return static_cast<uint64_t>(int64_t{static_cast<int32_t>(value)}) == value;
}

constexpr bpf_insn make_insn(unsigned code, Reg dst, Reg src, int16_t off, int32_t imm) {
    bpf_insn insn{};
    insn.code = static_cast<__u8>(code);
    insn.dst_reg = dst & 15;
    insn.src_reg = src & 15;
    insn.off = off;
    insn.imm = imm;
    return insn;
}

/// BPF_ADD .. BPF_ARSH, BPF_MOV on 64 bits.
constexpr bpf_insn alu(unsigned op, Reg dst, Reg src) {
    return make_insn(BPF_ALU64 | op | BPF_X, dst, src, 0, 0);
}
/// The immediate is sign-extended.
constexpr bpf_insn alu_imm(unsigned op, Reg dst, int32_t imm) {
    return make_insn(BPF_ALU64 | op | BPF_K, dst, 0, 0, imm);
}
constexpr bpf_insn mov(Reg dst, Reg src) { return alu(BPF_MOV, dst, src); }
constexpr bpf_insn mov_imm(Reg dst, int32_t imm) { return alu_imm(BPF_MOV, dst, imm); }
/// The same on the low 32 bits; the upper ones become 0.
constexpr bpf_insn alu32(unsigned op, Reg dst, Reg src) {
    return make_insn(BPF_ALU | op | BPF_X, dst, src, 0, 0);
}
constexpr bpf_insn alu32_imm(unsigned op, Reg dst, int32_t imm) {
    return make_insn(BPF_ALU | op | BPF_K, dst, 0, 0, imm);
}
constexpr bpf_insn mov32_imm(Reg dst, int32_t imm) { return alu32_imm(BPF_MOV, dst, imm); }
constexpr bpf_insn neg(Reg dst) { return make_insn(BPF_ALU64 | BPF_NEG, dst, 0, 0, 0); }
/// The low `bits` (16, 32, 64) of dst from or to big-endian, zero-extended.
constexpr bpf_insn to_be(Reg dst, int32_t bits) {
    return make_insn(BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, bits);
}
constexpr bpf_insn to_le(Reg dst, int32_t bits) {
    return make_insn(BPF_ALU | BPF_END | BPF_TO_LE, dst, 0, 0, bits);
}

constexpr unsigned size_code(unsigned bytes) {
    return bytes == 1 ? BPF_B : bytes == 2 ? BPF_H : bytes == 4 ? BPF_W : BPF_DW;
}
/// dst = *(bytes *)(base + off), zero-extended.
constexpr bpf_insn load(unsigned bytes, Reg dst, Reg base, int16_t off) {
    return make_insn(BPF_LDX | BPF_MEM | size_code(bytes), dst, base, off, 0);
}
constexpr bpf_insn store(unsigned bytes, Reg base, int16_t off, Reg src) {
    return make_insn(BPF_STX | BPF_MEM | size_code(bytes), base, src, off, 0);
}
constexpr bpf_insn store_imm(unsigned bytes, Reg base, int16_t off, int32_t imm) {
    return make_insn(BPF_ST | BPF_MEM | size_code(bytes), base, 0, off, imm);
}
/// `op`: BPF_ADD, BPF_OR, BPF_AND, BPF_XOR, each also with BPF_FETCH; BPF_XCHG, BPF_CMPXCHG.
constexpr bpf_insn atomic(unsigned bytes, Reg base, int16_t off, Reg src, int32_t op) {
    return make_insn(BPF_STX | BPF_ATOMIC | size_code(bytes), base, src, off, op);
}
/// src = old *(u64 *)(base + off), which grows by src.
constexpr bpf_insn fetch_add(Reg base, int16_t off, Reg src) {
    return atomic(8, base, off, src, BPF_ADD | BPF_FETCH);
}
/// *(u64 *)(base + off) = src if it is r0; r0 = what it was.
constexpr bpf_insn compare_exchange(Reg base, int16_t off, Reg src) {
    return atomic(8, base, off, src, BPF_CMPXCHG);
}

/// Two slots: the second follows the first.
struct Wide {
    bpf_insn first;
    bpf_insn second;
};
constexpr Wide load_imm64(Reg dst, uint64_t value) {
    return {make_insn(BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, static_cast<int32_t>(value)),
            make_insn(0, 0, 0, 0, static_cast<int32_t>(value >> 32))};
}
/// dst = address of a function of the program, which begins so many slots behind the first half.
constexpr Wide function_address(Reg dst, int32_t distance = 0) {
    return {make_insn(BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_FUNC, 0, distance), {}};
}

/// BPF_JEQ .. BPF_JSET on 64 bits, or on the low 32 with `narrow`.
constexpr bpf_insn jump_if(unsigned op, Reg a, Reg b, bool narrow = false) {
    return make_insn((narrow ? BPF_JMP32 : BPF_JMP) | op | BPF_X, a, b, 0, 0);
}
constexpr bpf_insn jump_if_imm(unsigned op, Reg a, int32_t imm, bool narrow = false) {
    return make_insn((narrow ? BPF_JMP32 : BPF_JMP) | op | BPF_K, a, 0, 0, imm);
}
constexpr bpf_insn jump(int16_t off = 0) { return make_insn(BPF_JMP | BPF_JA, 0, 0, off, 0); }
/// A jump with a 32-bit distance: since Linux 6.6, and 6.1.176 of the stable series.
constexpr bpf_insn jump_far(int32_t off) { return make_insn(BPF_JMP32 | BPF_JA, 0, 0, 0, off); }
/// A jump that is taken when the kernel wants the run to end: every way round a loop passes one.
/// Since Linux 6.9; it counts 8,388,608 of a run, from 6.15 on a quarter of a second.
constexpr bpf_insn may_goto(int16_t off = 0) { return make_insn(BPF_JMP | kMayGoto, 0, 0, off, 0); }
/// Of a function of the kernel, BPF_FUNC_*.
constexpr bpf_insn call(int32_t helper) { return make_insn(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }
constexpr bpf_insn call_local(int32_t distance) {
    return make_insn(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, distance);
}
constexpr bpf_insn exit_insn() { return make_insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

inline bool is_local_call(const bpf_insn& insn) {
    return insn.code == (BPF_JMP | BPF_CALL) && insn.src_reg == BPF_PSEUDO_CALL;
}
inline bool is_function_address(const bpf_insn& insn) {
    return insn.code == (BPF_LD | BPF_IMM | BPF_DW) && insn.src_reg == BPF_PSEUDO_FUNC;
}
inline bool is_wide(const bpf_insn& insn) { return family_of(insn.code) == Family::wide; }
/// A jump with a condition: it has an opposite.
inline bool is_conditional(const bpf_insn& insn) { return family_of(insn.code) == Family::branch; }
inline bool is_jump(const bpf_insn& insn) {
    const auto family = family_of(insn.code);
    return family && jumps(*family);
}
/// The unsigned comparison that holds where `op` does not.
constexpr unsigned opposite(unsigned op) {
    switch (op) {
        case BPF_JEQ:
            return BPF_JNE;
        case BPF_JNE:
            return BPF_JEQ;
        case BPF_JGT:
            return BPF_JLE;
        case BPF_JLE:
            return BPF_JGT;
        case BPF_JGE:
            return BPF_JLT;
        default:
            return BPF_JGE;  // BPF_JLT
    }
}
/// The jump that jump_if() and jump_if_imm() make of the opposite.
constexpr bpf_insn inverted(bpf_insn insn) {
    insn.code =
        static_cast<__u8>(BPF_CLASS(insn.code) | BPF_SRC(insn.code) | opposite(BPF_OP(insn.code)));
    return insn;
}

}  // namespace vfm::ebpf
