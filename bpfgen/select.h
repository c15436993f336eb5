// Placed machine code to eBPF instructions: two-address forms, reloads through r0 and r1, and the
// moves of block parameters in an order that overwrites nothing too early.
#pragma once

#include "bpfgen/emitter.h"
#include "bpfgen/mir.h"
#include "bpfgen/regalloc.h"

namespace vfm::bpf {

/// `fixed_inputs`: see Options.
void select(const MFunction& function, const Allocation& allocation, Emitter& emitter,
            bool fixed_inputs = false);

}  // namespace vfm::bpf
