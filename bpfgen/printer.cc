#include "bpfgen/printer.h"

#include <fmt/core.h>

#include "bpfgen/insns.h"
#include "core/base/source.h"

namespace vfm::bpf {
namespace {

std::string_view alu_sign(unsigned op) {
    switch (op) {
        case BPF_ADD:
            return "+=";
        case BPF_SUB:
            return "-=";
        case BPF_MUL:
            return "*=";
        case BPF_DIV:
            return "/=";
        case BPF_MOD:
            return "%=";
        case BPF_AND:
            return "&=";
        case BPF_OR:
            return "|=";
        case BPF_XOR:
            return "^=";
        case BPF_LSH:
            return "<<=";
        case BPF_RSH:
            return ">>=";
        case BPF_ARSH:
            return "s>>=";
        case BPF_MOV:
            return "=";
        default:
            return "";
    }
}

std::string_view jump_sign(unsigned op) {
    switch (op) {
        case BPF_JEQ:
            return "==";
        case BPF_JNE:
            return "!=";
        case BPF_JGT:
            return ">";
        case BPF_JGE:
            return ">=";
        case BPF_JLT:
            return "<";
        case BPF_JLE:
            return "<=";
        default:
            return "";
    }
}

// The helpers that emitted programs call.
std::string helper_name(int32_t helper) {
    switch (helper) {
        case BPF_FUNC_map_lookup_elem:
            return "map_lookup_elem";
        case BPF_FUNC_map_update_elem:
            return "map_update_elem";
        case BPF_FUNC_ktime_get_ns:
            return "ktime_get_ns";
        case BPF_FUNC_get_prandom_u32:
            return "get_prandom_u32";
        case BPF_FUNC_skb_load_bytes:
            return "skb_load_bytes";
        case BPF_FUNC_xdp_load_bytes:
            return "xdp_load_bytes";
        case BPF_FUNC_xdp_get_buff_len:
            return "xdp_get_buff_len";
        default:
            return fmt::format("helper {}", helper);
    }
}

std::string unknown(const bpf_insn& insn) { return fmt::format("insn {:#04x}", insn.code); }

std::string alu_text(const bpf_insn& insn, char name) {
    const unsigned op = BPF_OP(insn.code);
    if (op == BPF_NEG) return fmt::format("{0}{1} = -{0}{1}", name, insn.dst_reg);
    if (op == BPF_END) {
        const char* order = BPF_SRC(insn.code) == BPF_TO_BE ? "be" : "le";
        return fmt::format("r{0} = {1}{2} r{0}", insn.dst_reg, order, insn.imm);
    }
    const std::string_view sign = alu_sign(op);
    if (sign.empty()) return unknown(insn);
    return BPF_SRC(insn.code) == BPF_X
               ? fmt::format("{0}{1} {2} {0}{3}", name, insn.dst_reg, sign, insn.src_reg)
               : fmt::format("{}{} {} {}", name, insn.dst_reg, sign, insn.imm);
}

std::string jump_text(const bpf_insn& insn, char name) {
    const unsigned op = BPF_OP(insn.code);
    if (op == BPF_CALL) return "call " + helper_name(insn.imm);
    if (op == BPF_EXIT) return "exit";
    if (op == BPF_JA) {
        return BPF_CLASS(insn.code) == BPF_JMP32 ? fmt::format("gotol {:+}", insn.imm)
                                                 : fmt::format("goto {:+}", insn.off);
    }
    const std::string_view sign = jump_sign(op);
    if (sign.empty()) return unknown(insn);
    return BPF_SRC(insn.code) == BPF_X
               ? fmt::format("if {0}{1} {2} {0}{3} goto {4:+}", name, insn.dst_reg, sign,
                             insn.src_reg, insn.off)
               : fmt::format("if {}{} {} {:#x} goto {:+}", name, insn.dst_reg, sign,
                             static_cast<uint32_t>(insn.imm), insn.off);
}

std::string memory(const bpf_insn& insn, unsigned base) {
    static constexpr const char* kTypes[] = {"u32", "u16", "u8", "u64"};
    return fmt::format("*({} *)(r{} {:+})", kTypes[BPF_SIZE(insn.code) >> 3], base, insn.off);
}

}  // namespace

std::string print_insn(const bpf_insn& insn, std::string_view map, int32_t high) {
    switch (BPF_CLASS(insn.code)) {
        case BPF_ALU64:
            return alu_text(insn, 'r');
        case BPF_ALU:
            return alu_text(insn, 'w');
        case BPF_JMP:
            return jump_text(insn, 'r');
        case BPF_JMP32:
            return jump_text(insn, 'w');
        case BPF_LD: {
            if (!is_wide(insn)) return unknown(insn);
            if (!map.empty()) return fmt::format("r{} = map {}", insn.dst_reg, map);
            const uint64_t value =
                uint64_t{static_cast<uint32_t>(high)} << 32 | static_cast<uint32_t>(insn.imm);
            return fmt::format("r{} = {:#x} ll", insn.dst_reg, value);
        }
        case BPF_LDX:
            return fmt::format("r{} = {}", insn.dst_reg, memory(insn, insn.src_reg));
        case BPF_ST:
            return fmt::format("{} = {}", memory(insn, insn.dst_reg), insn.imm);
        case BPF_STX:
            if (BPF_MODE(insn.code) == BPF_ATOMIC) {
                if (insn.imm == BPF_CMPXCHG)
                    return fmt::format("r0 = atomic_cmpxchg((u64 *)(r{} {:+}), r0, r{})",
                                       insn.dst_reg, insn.off, insn.src_reg);
                return fmt::format("r{} = atomic_fetch_add((u64 *)(r{} {:+}), r{})", insn.src_reg,
                                   insn.dst_reg, insn.off, insn.src_reg);
            }
            return fmt::format("{} = r{}", memory(insn, insn.dst_reg), insn.src_reg);
        default:
            return unknown(insn);
    }
}

std::string print_listing(const Program& program) {
    std::string out;
    const SourceFile source(program.source_name, program.source_text);
    size_t line = 0;
    size_t reference = 0;
    const LineInfo* shown = nullptr;
    for (uint32_t i = 0; i < program.insns.size(); ++i) {
        for (; line < program.lines.size() && program.lines[line].insn == i; ++line) {
            const LineInfo& at = program.lines[line];
            if (shown != nullptr && shown->position.line == at.position.line) continue;
            shown = &at;
            out += fmt::format("; {}:{}: {}\n", printable(program.source_name), at.position.line,
                               printable(source.line(at.position.line), 80));
        }
        const bpf_insn& insn = program.insns[i];
        std::string_view map;
        while (reference < program.map_references.size() &&
               program.map_references[reference].insn < i) {
            ++reference;
        }
        if (reference < program.map_references.size() &&
            program.map_references[reference].insn == i) {
            map = program.maps[program.map_references[reference].map].name;
        }
        if (std::ranges::binary_search(program.data_references, static_cast<uint32_t>(i))) {
            out += fmt::format("{:6}: r{} = data + {:#x} ll\n", i, insn.dst_reg, insn.imm);
            ++i;
            continue;
        }
        const int32_t high = is_wide(insn) ? program.insns[i + 1].imm : 0;
        out += fmt::format("{:6}: {}\n", i, print_insn(insn, map, high));
        if (is_wide(insn)) ++i;
    }
    return out;
}

}  // namespace vfm::bpf
