#include "bpfgen/loop_rounds.h"

#include <algorithm>
#include <utility>

namespace vfm::bpf {
namespace {

using ir::BlockId;
using ir::Terminator;

// The blocks without their operations and without edges to heads, which follow the entry instead:
// through blocks behind those of the function, each of which leads to a head and to the next one.
ir::Function ways_within(const ir::Function& function, const LoopRounds& rounds) {
    ir::Function ways;
    const auto add = [&](BlockId at, const std::vector<BlockId>& targets) {
        Terminator& end = ways.blocks[at].end;
        if (targets.empty()) return;
        end.kind = targets.size() == 1 ? Terminator::Kind::jump : Terminator::Kind::branch;
        end.then.target = targets.front();
        if (targets.size() > 1) end.otherwise.target = targets[1];
    };
    const auto count = static_cast<BlockId>(function.blocks.size());
    const auto heads = static_cast<BlockId>(rounds.heads.size());
    ways.blocks.resize(count + heads);
    for (BlockId id = 0; id < count; ++id) {
        std::vector<BlockId> targets;
        ir::for_each_edge(function.blocks[id], [&](const ir::Edge& edge) {
            if (rounds.states[edge.target] == 0) targets.push_back(edge.target);
        });
        if (id == 0) targets.push_back(count);
        add(id, targets);
    }
    for (BlockId i = 0; i < heads; ++i) {
        std::vector<BlockId> targets = {rounds.heads[i]};
        if (i + 1 < heads) targets.push_back(count + i + 1);
        add(count + i, targets);
    }
    return ways;
}

// By block: so many bytes every run has found where it begins.
std::vector<uint64_t> proved_lengths(const ir::Function& function) {
    const ir::Cfg cfg(function);
    const ir::Dominators tree(function, cfg);
    std::vector<uint64_t> begin(function.blocks.size(), 0), end(begin);
    for (const BlockId id : tree.preorder()) {
        const BlockId before = tree.parent(id);
        if (before != ir::kNone) begin[id] = end[before];
        const ir::EnteringEdge edge = ir::entering_edge(function, cfg, tree, id);
        if (edge.from != ir::kNone && edge.taken) {
            const Terminator& test = function.blocks[edge.from].end;
            if (test.kind == Terminator::Kind::branch_len)
                begin[id] = std::max(begin[id], test.imm);
        }
        end[id] = begin[id];
        for (const ir::ValueId value : function.blocks[id].body)
            if (function[value].op == ir::Op::guard_len)
                end[id] = std::max(end[id], function[value].imm);
    }
    return begin;
}

}  // namespace

LoopRounds find_loop_rounds(const ir::Function& function, const LoopHeads& heads,
                            CarriedSlots carried) {
    LoopRounds rounds;
    rounds.carried = std::move(carried);
    rounds.states.assign(function.blocks.size(), 0);
    for (BlockId id = 0; id < function.blocks.size(); ++id) {
        if (!heads.at[id]) continue;
        rounds.heads.push_back(id);
        rounds.states[id] = static_cast<uint32_t>(rounds.heads.size());
    }
    rounds.lengths = proved_lengths(function);
    const ir::Function ways = ways_within(function, rounds);
    rounds.dominators.build(ways, ir::Cfg(ways));
    return rounds;
}

}  // namespace vfm::bpf
