// Where a function goes round, and how often at most: what lowering needs to make loops that the
// kernel's verifier takes.
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
