// The functions of a program: itself and what it calls. Each ends where the next one begins.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <vector>

#include "core/ebpf/insn.h"

namespace vfm::ebpf {

struct Fault;

/// The kernel's limits of a chain of calls: functions, the program with them, and bytes of stack.
inline constexpr size_t kMostFrames = 8;
inline constexpr int kMostStack = 512;

/// An LD_IMM64 of the address of a function of the program, and where that begins.
inline bool is_function_address(const DecodedInsn& insn) {
    return insn.family == Family::wide && insn.src == BPF_PSEUDO_FUNC;
}
inline size_t function_at(size_t pc, const DecodedInsn& insn) {
    return pc + 1 + static_cast<size_t>(int64_t{static_cast<int32_t>(insn.imm)});
}

/// Frames that calls can take at once, the program's with them, at least 1. A fault, at the call,
/// if the kernel would refuse: a chain too long or without end, too much stack, a jump from one
/// function into another, a function that runs into the next one. `starts` says where instructions
/// begin; jumps and calls lead there.
/// `entries`: where programs begin that tail calls lead to.
std::expected<size_t, Fault> frames_of(const std::vector<DecodedInsn>& insns,
                                       const std::vector<bool>& starts,
                                       std::span<const uint32_t> entries);

}  // namespace vfm::ebpf
