// The checks of single instructions, before anything runs.
#include <fmt/core.h>

#include <algorithm>

#include "userspace/ebpf/machine.h"

namespace vfm::ebpf {
namespace {

constexpr uint8_t kFramePointer = BPF_REG_10;

/// Why an instruction cannot be part of a program; empty if it can.
using Objection = std::string_view;

bool immediate_operand(const bpf_insn& insn) { return BPF_SRC(insn.code) == BPF_K; }

/// BPF_K has no source register, BPF_X no immediate.
bool operand_fields_clean(const bpf_insn& insn) {
    return immediate_operand(insn) ? insn.src_reg == 0 : insn.imm == 0;
}

Objection check_alu(const bpf_insn& insn) {
    const bool wide = BPF_CLASS(insn.code) == BPF_ALU64;
    if (insn.dst_reg == kFramePointer) return "r10 is read-only";
    if (insn.off != 0) return "reserved field is not 0";
    switch (BPF_OP(insn.code)) {
        case BPF_ADD:
        case BPF_SUB:
        case BPF_MUL:
        case BPF_OR:
        case BPF_AND:
        case BPF_XOR:
        case BPF_MOV:
            break;
        case BPF_DIV:
        case BPF_MOD:
            if (immediate_operand(insn) && insn.imm == 0) return "division by zero";
            break;
        case BPF_LSH:
        case BPF_RSH:
        case BPF_ARSH:
            if (immediate_operand(insn) && (insn.imm < 0 || insn.imm >= (wide ? 64 : 32)))
                return "shift by the width or more";
            break;
        case BPF_NEG:
            if (!immediate_operand(insn) || insn.imm != 0) return "reserved field is not 0";
            break;
        case BPF_END:
            if (wide) return "unknown opcode";
            if (insn.imm != 16 && insn.imm != 32 && insn.imm != 64)
                return "byte swap of another width than 16, 32, 64";
            return insn.src_reg == 0 ? "" : "reserved field is not 0";
        default:
            return "unknown opcode";
    }
    return operand_fields_clean(insn) ? "" : "reserved field is not 0";
}

Objection check_memory(const bpf_insn& insn) {
    const uint8_t mode = BPF_MODE(insn.code);
    switch (BPF_CLASS(insn.code)) {
        case BPF_LDX:
            if (insn.dst_reg == kFramePointer) return "r10 is read-only";
            if (mode != BPF_MEM) return "unknown opcode";
            return insn.imm == 0 ? "" : "reserved field is not 0";
        case BPF_ST:
            if (mode != BPF_MEM) return "unknown opcode";
            return insn.src_reg == 0 ? "" : "reserved field is not 0";
        default:
            break;  // BPF_STX
    }
    if (mode == BPF_MEM) return insn.imm == 0 ? "" : "reserved field is not 0";
    if (mode != BPF_ATOMIC) return "unknown opcode";
    if (BPF_SIZE(insn.code) != BPF_W && BPF_SIZE(insn.code) != BPF_DW)
        return "atomic of another width than 4 or 8 bytes";
    switch (insn.imm & ~BPF_FETCH) {
        case BPF_ADD:
        case BPF_AND:
        case BPF_OR:
        case BPF_XOR:
            break;
        case BPF_XCHG & ~BPF_FETCH:
        case BPF_CMPXCHG & ~BPF_FETCH:
            if (!(insn.imm & BPF_FETCH)) return "unknown atomic operation";
            break;
        default:
            return "unknown atomic operation";
    }
    return (insn.imm & BPF_FETCH) && insn.src_reg == kFramePointer ? "r10 is read-only" : "";
}

Objection check_jump(const bpf_insn& insn) {
    const bool wide = BPF_CLASS(insn.code) == BPF_JMP;
    switch (BPF_OP(insn.code)) {
        case BPF_EXIT:
        case BPF_CALL:
            if (!wide || !immediate_operand(insn)) return "unknown opcode";
            if (insn.src_reg != 0) return "only helpers can be called";
            if (insn.dst_reg != 0 || insn.off != 0) return "reserved field is not 0";
            return BPF_OP(insn.code) == BPF_CALL || insn.imm == 0 ? "" : "reserved field is not 0";
        case BPF_JA:
            if (!immediate_operand(insn)) return "unknown opcode";
            if (insn.dst_reg != 0 || insn.src_reg != 0 || (wide ? insn.imm : insn.off) != 0)
                return "reserved field is not 0";
            return "";
        case BPF_JEQ:
        case BPF_JNE:
        case BPF_JGT:
        case BPF_JGE:
        case BPF_JLT:
        case BPF_JLE:
        case BPF_JSGT:
        case BPF_JSGE:
        case BPF_JSLT:
        case BPF_JSLE:
        case BPF_JSET:
            return operand_fields_clean(insn) ? "" : "reserved field is not 0";
        default:
            return "unknown opcode";
    }
}

Objection check(const bpf_insn& insn) {
    if (insn.dst_reg > BPF_REG_10 || insn.src_reg > BPF_REG_10) return "no such register";
    switch (BPF_CLASS(insn.code)) {
        case BPF_ALU:
        case BPF_ALU64:
            return check_alu(insn);
        case BPF_JMP:
        case BPF_JMP32:
            return check_jump(insn);
        case BPF_LD:
            if (insn.code != (BPF_LD | BPF_IMM | BPF_DW)) return "unknown opcode";
            if (insn.dst_reg == kFramePointer) return "r10 is read-only";
            return insn.off == 0 ? "" : "reserved field is not 0";
        default:
            return check_memory(insn);
    }
}

bool is_jump(const bpf_insn& insn) {
    const uint8_t group = BPF_CLASS(insn.code);
    if (group != BPF_JMP && group != BPF_JMP32) return false;
    return BPF_OP(insn.code) != BPF_CALL && BPF_OP(insn.code) != BPF_EXIT;
}

int64_t distance(const bpf_insn& insn) {
    return insn.code == (BPF_JMP32 | BPF_JA) ? insn.imm : insn.off;
}

bool second_half_clean(const bpf_insn& insn) {
    return insn.code == 0 && insn.dst_reg == 0 && insn.src_reg == 0 && insn.off == 0;
}

std::unexpected<Fault> fault(size_t pc, std::string_view reason) {
    return std::unexpected(Fault{static_cast<uint32_t>(pc), std::string(reason)});
}

constexpr uint8_t kLoadImmediate64 = BPF_LD | BPF_IMM | BPF_DW;

}  // namespace

std::expected<Machine, Fault> Machine::load(const Image& image) {
    Machine machine;
    machine.context_ = image.context;
    machine.insns_.assign(image.insns.begin(), image.insns.end());
    std::vector<bpf_insn>& insns = machine.insns_;
    const size_t count = insns.size();

    if (image.maps.size() > UINT16_MAX) return fault(0, "too many maps");
    for (const MapSpec& spec : image.maps) {
        if (const auto objection = Map::objection(spec)) return fault(0, *objection);
        machine.maps_.emplace_back(spec);
    }

    std::vector<bool> starts(count + 1);  // where an instruction begins
    for (size_t pc = 0; pc < count; ++pc) {
        if (const Objection objection = check(insns[pc]); !objection.empty())
            return fault(pc, objection);
        starts[pc] = true;
        if (insns[pc].code != kLoadImmediate64) continue;
        if (insns[pc].src_reg != 0) return fault(pc, "a map that is not among the map uses");
        if (pc + 1 == count || !second_half_clean(insns[pc + 1]))
            return fault(pc, "LD_IMM64 without its second half");
        ++pc;
    }
    for (size_t pc = 0; pc < count; ++pc) {
        if (!starts[pc] || !is_jump(insns[pc])) continue;
        const int64_t target = static_cast<int64_t>(pc) + 1 + distance(insns[pc]);
        if (target < 0 || target >= static_cast<int64_t>(count) || !starts[target])
            return fault(pc, "jump to no instruction");
    }
    const uint8_t last = count == 0 || !starts[count - 1] ? 0 : insns[count - 1].code;
    if (last != (BPF_JMP | BPF_EXIT) && last != (BPF_JMP | BPF_JA) && last != (BPF_JMP32 | BPF_JA))
        return fault(count == 0 ? 0 : count - 1, "the end can be reached without exit");

    for (const MapUse& use : image.map_uses) {
        if (use.insn >= count || !starts[use.insn] || insns[use.insn].code != kLoadImmediate64)
            return fault(use.insn, "a map use that is no LD_IMM64");
        if (use.map >= image.maps.size()) return fault(use.insn, "no such map");
        insns[use.insn].src_reg = BPF_PSEUDO_MAP_IDX;
        insns[use.insn].imm = static_cast<int32_t>(use.map);
    }
    machine.data_.assign(image.data.begin(), image.data.end());
    for (const uint32_t at : image.data_uses) {
        if (at >= count || !starts[at] || insns[at].code != kLoadImmediate64)
            return fault(at, "a use of data that is no LD_IMM64");
        insns[at].src_reg = BPF_PSEUDO_MAP_IDX_VALUE;
    }
    return machine;
}

}  // namespace vfm::ebpf
