// Where a function goes round, and how often at most: what lowering needs to make loops that the
// kernel's verifier takes.
//
// A loop ends by the run's own fuel, taken where the bytecode says. What the verifier wants beside
// it stands at each head, in one of two forms (LoopForm). With may_goto the verifier goes round a
// few times, however often a run does: it comes before what goes round is hidden
// (Builder::blurred), so that states become equal. The kernel ends a run there after 8,388,608 of
// them, from Linux 6.15 on after a quarter of a second; this is LIMIT, too, but less fuel than that
// is all that is taken. A bounded loop counts down a number that the verifier knows, so that it
// goes through every round that the fuel allows, a million instructions in all. Exits stand in
// place there, or each round would leave ways pending, of which it takes 8,192.
#pragma once

#include <cstdint>
#include <vector>

#include "core/ir/form/analysis.h"

namespace vfm::bpf {

struct LoopHeads {
    /// By block: an edge leads to it from itself or from a later one. Every cycle has such a block,
    /// also one that is entered in several places.
    std::vector<bool> at;
    /// So often at most a run comes to any of them before its fuel is gone; 0 without loops.
    uint64_t most_visits = 0;

    bool any() const { return most_visits > 0; }
};

LoopHeads find_loop_heads(const ir::Function& function, const ir::Cfg& cfg);

}  // namespace vfm::bpf
