// Short names for eBPF instructions, for tests of the machine.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "core/ebpf/constructors.h"
#include "userspace/ebpf/machine.h"

namespace vfm::ebpf::test {

enum Register : uint8_t { r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11 };

inline bpf_insn insn(unsigned code, unsigned dst, unsigned src, int off, int64_t imm) {
    return make_insn(code, static_cast<Reg>(dst), static_cast<Reg>(src), static_cast<int16_t>(off),
                     static_cast<int32_t>(imm));
}
inline bpf_insn with_distance(bpf_insn insn, int off) {
    insn.off = static_cast<int16_t>(off);
    return insn;
}

// A register and a number tell these apart here.
inline bpf_insn alu(unsigned op, Register dst, int64_t imm) {
    return alu_imm(op, dst, static_cast<int32_t>(imm));
}
inline bpf_insn alu_reg(unsigned op, Register dst, Register src) { return ebpf::alu(op, dst, src); }
inline bpf_insn alu32(unsigned op, Register dst, int64_t imm) {
    return alu32_imm(op, dst, static_cast<int32_t>(imm));
}
inline bpf_insn alu32_reg(unsigned op, Register dst, Register src) {
    return ebpf::alu32(op, dst, src);
}
inline bpf_insn mov(Register dst, int64_t imm) { return alu(BPF_MOV, dst, imm); }
inline bpf_insn mov_reg(Register dst, Register src) { return ebpf::mov(dst, src); }
inline bpf_insn jump(unsigned op, Register dst, int32_t imm, int off) {
    return with_distance(jump_if_imm(op, dst, imm), off);
}
inline bpf_insn jump_reg(unsigned op, Register dst, Register src, int off) {
    return with_distance(jump_if(op, dst, src), off);
}
inline bpf_insn jump32(unsigned op, Register dst, int32_t imm, int off) {
    return with_distance(jump_if_imm(op, dst, imm, true), off);
}
inline bpf_insn go(int off) { return ebpf::jump(static_cast<int16_t>(off)); }
inline bpf_insn leave() { return exit_insn(); }

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
    const Wide wide = load_imm64(dst, value);
    Code out(wide.first);
    out.insns.push_back(wide.second);
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
