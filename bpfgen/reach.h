// How far into the packet a filter may look, and what of that it may look at when it cannot begin
// anew any more.
#pragma once

#include <cstdint>

#include "bpfgen/loop_heads.h"
#include "bpfgen/value_facts.h"
#include "core/ir/form/analysis.h"

namespace vfm::bpf {

struct Reach {
    /// No test or load that finds its bytes goes beyond so many; at most kMaxPacket.
    uint64_t whole = 0;
    /// The same of tests that may stand behind an effect: a store, a count, a random number, fuel
    /// that was taken, and everything in a function with loops.
    uint64_t late = 0;
};

Reach find_reach(const ir::Function& function, const ir::Cfg& cfg, const ValueFacts& values,
                 const LoopHeads& heads);

}  // namespace vfm::bpf
