#include "bpfgen/loop_heads.h"

#include <algorithm>
#include <ranges>

namespace vfm::bpf {
namespace {

constexpr uint64_t kNever = ~uint64_t{0};

/// The least fuel that a run takes from a head to the next one; kNever if none leads to one.
uint64_t least_between(const ir::Function& function, const ir::Cfg& cfg,
                       const std::vector<bool>& heads) {
    std::vector<uint64_t> cost(function.blocks.size(), kNever);
    uint64_t least = kNever;
    for (const ir::BlockId id : std::views::reverse(cfg.order())) {
        const ir::Block& block = function.blocks[id];
        uint64_t rest = kNever;
        ir::for_each_edge(block, [&](const ir::Edge& edge) {
            rest = std::min(rest, heads[edge.target] ? 0 : cost[edge.target]);
        });
        if (rest == kNever) continue;
        for (const ir::ValueId value : block.body)
            if (function[value].op == ir::Op::fuel) rest += function[value].imm;
        cost[id] = rest;
        if (heads[id]) least = std::min(least, rest);
    }
    return least;
}

}  // namespace

LoopHeads find_loop_heads(const ir::Function& function, const ir::Cfg& cfg) {
    LoopHeads found;
    found.at.assign(function.blocks.size(), false);
    if (!cfg.cyclic()) return found;
    for (const ir::BlockId id : cfg.order())
        ir::for_each_edge(function.blocks[id], [&](const ir::Edge& edge) {
            if (cfg.position(edge.target) <= cfg.position(id)) found.at[edge.target] = true;
        });
    const auto heads = static_cast<uint64_t>(std::ranges::count(found.at, true));
    const uint64_t least = least_between(function, cfg, found.at);
    // Between two heads there may be no fuel to take, but there is on every way round.
    found.most_visits =
        least == 0 ? heads * (function.fuel + 1) : function.fuel / std::max<uint64_t>(least, 1) + 1;
    return found;
}

}  // namespace vfm::bpf
