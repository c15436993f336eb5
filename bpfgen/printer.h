// Text of eBPF instructions, in the notation of the kernel's verifier log and of llvm-objdump.
#pragma once

#include <string>

#include "bpfgen/object.h"

namespace vfm::bpf {

/// One instruction without its number. `map` names the map whose address an LD_IMM64 loads; empty
/// for a number. For LD_IMM64 `high` is the second slot's immediate.
std::string print_insn(const bpf_insn& insn, std::string_view map = {}, int32_t high = 0);

/// Every instruction with its number; above each run of instructions from one place, the source
/// line.
std::string print_listing(const Program& program);

}  // namespace vfm::bpf
