#include "core/ebpf/print.h"

#include <fmt/core.h>

#include <array>

namespace vfm::ebpf {
namespace {

// By number, from the kernel's own list.
constexpr std::string_view kHelpers[] = {
#define EBPF_HELPER_NAME(name) #name
    __BPF_FUNC_MAPPER(EBPF_HELPER_NAME)
#undef EBPF_HELPER_NAME
};

std::string helper_name(int32_t helper) {
    if (helper > 0 && helper < std::ssize(kHelpers)) return std::string(kHelpers[helper]);
    return fmt::format("helper {}", helper);
}

std::string memory(const DecodedInsn& insn, Reg base) {
    return fmt::format("(u{} *)(r{} {:+})", 8 * insn.bytes, base, insn.off);
}

std::string atomic_text(const DecodedInsn& insn, std::string_view text) {
    const char name = insn.bytes == 8 ? 'r' : 'w';
    const std::string place = memory(insn, insn.dst);
    if (insn.op == Op::CMPXCHG)
        return fmt::format("{0}0 = {1}({2}, {0}0, {0}{3})", name, text, place, insn.src);
    if (row_of(insn.op).selector & BPF_FETCH)
        return fmt::format("{0}{1} = {2}({3}, {0}{1})", name, insn.src, text, place);
    return fmt::format("lock *{} {} {}{}", place, text, name, insn.src);
}

}  // namespace

std::string print_insn(const DecodedInsn& insn, std::string_view map) {
    const std::string_view text = row_of(insn.op).text;
    const char name = insn.is_wide ? 'r' : 'w';
    switch (insn.family) {
        case Family::alu:
            if (insn.has_immediate)
                return fmt::format("{}{} {} {}", name, insn.dst, text,
                                   static_cast<int64_t>(insn.imm));
            return fmt::format("{0}{1} {2} {0}{3}", name, insn.dst, text, insn.src);
        case Family::negate:
            return fmt::format("{0}{1} = {2}{0}{1}", name, insn.dst, text);
        case Family::swap:
            return fmt::format("r{0} = {1}{2} r{0}", insn.dst, text, 8 * insn.bytes);
        case Family::branch:
            if (insn.has_immediate)
                return fmt::format("if {}{} {} {:#x} goto {:+}", name, insn.dst, text,
                                   static_cast<uint32_t>(insn.imm), insn.distance);
            return fmt::format("if {0}{1} {2} {0}{3} goto {4:+}", name, insn.dst, text, insn.src,
                               insn.distance);
        case Family::jump:
        case Family::may_jump:
            return fmt::format("{} {:+}", text, insn.distance);
        case Family::call:
            if (insn.op == Op::CALL_LOCAL) return fmt::format("{} pc{:+}", text, insn.distance);
            return fmt::format("{} {}", text, helper_name(static_cast<int32_t>(insn.imm)));
        case Family::exit:
            return std::string(text);
        case Family::wide:
            if (insn.src == BPF_PSEUDO_FUNC)
                return fmt::format("r{} = pc{:+}", insn.dst, static_cast<int32_t>(insn.imm));
            if (!map.empty()) return fmt::format("r{} = map {}", insn.dst, map);
            return fmt::format("r{} = {:#x} {}", insn.dst, insn.imm, text);
        case Family::load:
            return fmt::format("r{} {} *{}", insn.dst, text, memory(insn, insn.src));
        case Family::store_imm:
            return fmt::format("*{} {} {}", memory(insn, insn.dst), text,
                               static_cast<int64_t>(insn.imm));
        case Family::store:
            return fmt::format("*{} {} r{}", memory(insn, insn.dst), text, insn.src);
        case Family::atomic:
            return atomic_text(insn, text);
    }
    return {};
}

std::string print_insn(const bpf_insn& insn, std::string_view map, int32_t high) {
    bpf_insn second{};
    second.imm = high;
    const auto decoded = decode(std::array{insn, second}, 0);
    return decoded ? print_insn(*decoded, map) : fmt::format("insn {:#04x}", insn.code);
}

}  // namespace vfm::ebpf
