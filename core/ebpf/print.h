// Text of eBPF instructions, in the notation of the kernel's verifier log and of llvm-objdump.
#pragma once

#include <string>

#include "core/ebpf/insn.h"

namespace vfm::ebpf {

/// One instruction without its number. `map` names the map whose address an LD_IMM64 loads; empty
/// for a number.
std::string print_insn(const DecodedInsn& insn, std::string_view map = {});

/// The same of what may be no instruction, shown by its opcode. For LD_IMM64 `high` is the second
/// slot's immediate.
std::string print_insn(const bpf_insn& insn, std::string_view map = {}, int32_t high = 0);

}  // namespace vfm::ebpf
