// Short names for eBPF instructions, for tests of the machine.
#pragma once

#include <linux/bpf.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "userspace/ebpf/machine.h"

namespace vfm::ebpf::test {

enum Register : uint8_t { r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11 };

inline bpf_insn insn(unsigned code, unsigned dst, unsigned src, int off, int64_t imm) {
    bpf_insn out{};
    out.code = static_cast<uint8_t>(code);
    out.dst_reg = dst & 15;
    out.src_reg = src & 15;
    out.off = static_cast<int16_t>(off);
    out.imm = static_cast<int32_t>(imm);
    return out;
}

inline bpf_insn alu(unsigned op, Register dst, int64_t imm) {
    return insn(BPF_ALU64 | BPF_K | op, dst, 0, 0, imm);
}
inline bpf_insn alu_reg(unsigned op, Register dst, Register src) {
    return insn(BPF_ALU64 | BPF_X | op, dst, src, 0, 0);
}
inline bpf_insn alu32(unsigned op, Register dst, int64_t imm) {
    return insn(BPF_ALU | BPF_K | op, dst, 0, 0, imm);
}
inline bpf_insn alu32_reg(unsigned op, Register dst, Register src) {
    return insn(BPF_ALU | BPF_X | op, dst, src, 0, 0);
}
inline bpf_insn mov(Register dst, int64_t imm) { return alu(BPF_MOV, dst, imm); }
inline bpf_insn mov_reg(Register dst, Register src) { return alu_reg(BPF_MOV, dst, src); }
inline bpf_insn jump(unsigned op, Register dst, int64_t imm, int off) {
    return insn(BPF_JMP | BPF_K | op, dst, 0, off, imm);
}
inline bpf_insn jump_reg(unsigned op, Register dst, Register src, int off) {
    return insn(BPF_JMP | BPF_X | op, dst, src, off, 0);
}
inline bpf_insn jump32(unsigned op, Register dst, int64_t imm, int off) {
    return insn(BPF_JMP32 | BPF_K | op, dst, 0, off, imm);
}
inline bpf_insn go(int off) { return insn(BPF_JMP | BPF_JA, 0, 0, off, 0); }
inline bpf_insn load(unsigned size, Register dst, Register src, int off) {
    return insn(BPF_LDX | BPF_MEM | size, dst, src, off, 0);
}
inline bpf_insn store(unsigned size, Register dst, int off, Register src) {
    return insn(BPF_STX | BPF_MEM | size, dst, src, off, 0);
}
inline bpf_insn store_imm(unsigned size, Register dst, int off, int64_t imm) {
    return insn(BPF_ST | BPF_MEM | size, dst, 0, off, imm);
}
inline bpf_insn atomic(unsigned size, Register dst, int off, Register src, int op) {
    return insn(BPF_STX | BPF_ATOMIC | size, dst, src, off, op);
}
inline bpf_insn call(int helper) { return insn(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }
inline bpf_insn leave() { return insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

/// Instructions, some of which come in pairs.
struct Code {
    std::vector<bpf_insn> insns;
    std::vector<MapUse> map_uses;

    Code(std::initializer_list<Code> parts) {
        for (const Code& part : parts) {
            for (const MapUse& use : part.map_uses)
                map_uses.push_back({static_cast<uint32_t>(insns.size()) + use.insn, use.map});
            insns.insert(insns.end(), part.insns.begin(), part.insns.end());
        }
    }
    Code(const bpf_insn& single) : insns{single} {}
};

inline Code load64(Register dst, uint64_t value) {
    Code out(insn(BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, static_cast<int32_t>(value)));
    out.insns.push_back(insn(0, 0, 0, 0, static_cast<int32_t>(value >> 32)));
    return out;
}
inline Code load_map(Register dst, uint32_t map) {
    Code out = load64(dst, 0);
    out.map_uses.push_back({0, map});
    return out;
}

inline std::expected<Machine, Fault> load_program(const Code& code, std::vector<MapSpec> maps = {},
                                                  Context context = Context::xdp) {
    return Machine::load({context, code.insns, std::move(maps), code.map_uses});
}

/// What one run on `input` gives, as text: "7", or "fault at 2: WHY".
inline std::string outcome(const Code& code, std::vector<MapSpec> maps = {},
                           Context context = Context::xdp, const Input& input = {}) {
    auto machine = load_program(code, std::move(maps), context);
    if (!machine)
        return "not loaded at " + std::to_string(machine.error().pc) + ": " +
               machine.error().reason;
    const auto result = machine->run(input);
    if (!result)
        return "fault at " + std::to_string(result.error().pc) + ": " + result.error().reason;
    return std::to_string(*result);
}

}  // namespace vfm::ebpf::test
