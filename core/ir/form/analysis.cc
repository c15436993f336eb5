#include "core/ir/form/analysis.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace vfm::ir {

void Cfg::build(const Function& function) {
    const auto count = static_cast<uint32_t>(function.blocks.size());
    // Where every edge leads to a later block and every block has one that leads to it, the blocks
    // stand in a good order as they are. Most passes leave them so.
    first_.assign(count + 1, 0);
    bool ordered = true;
    for (BlockId from = 0; from < count; ++from)
        for_each_edge(function.blocks[from], [&](const Edge& edge) {
            ++first_[edge.target];
            ordered &= edge.target > from;
        });
    for (BlockId id = 1; id < count; ++id) ordered &= first_[id] != 0;
    cyclic_ = false;
    position_.resize(count);
    if (ordered) {
        order_.resize(count);
        std::iota(order_.begin(), order_.end(), 0u);
        std::iota(position_.begin(), position_.end(), 0u);
    } else {
        order_ = reverse_postorder(function);
        std::ranges::fill(position_, kNone);
        for (uint32_t i = 0; i < order_.size(); ++i) position_[order_[i]] = i;
        first_.assign(count + 1, 0);
        for (const BlockId from : order_)
            for_each_edge(function.blocks[from], [&](const Edge& edge) {
                ++first_[edge.target];
                cyclic_ |= position_[edge.target] <= position_[from];
            });
    }
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    preds_.resize(first_.back());
    // From the back, so that what was the end of a block's part becomes its begin.
    for (size_t i = order_.size(); i-- > 0;)
        for_each_edge(function.blocks[order_[i]],
                      [&](const Edge& edge) { preds_[--first_[edge.target]] = order_[i]; });
}

EnteringEdge entering_edge(const Function& function, const Cfg& cfg, const Dominators& tree,
                           BlockId block) {
    EnteringEdge result;
    for (const BlockId pred : cfg.predecessors(block)) {
        if (tree.dominates(block, pred)) continue;  // comes back from the block itself
        if (result.from != kNone) return {};
        result.from = pred;
    }
    if (result.from == kNone) return {};
    const Terminator& end = function.blocks[result.from].end;
    if (!is_branch(end)) return {};
    result.taken = end.then.target == block;
    return result;
}

std::vector<BlockId> cycles(const Function& function, const Cfg& cfg) {
    // Tarjan's method with an explicit stack.
    std::vector<BlockId> cycle(function.blocks.size(), kNone);
    if (!cfg.cyclic()) return cycle;
    struct Frame {
        BlockId block;
        std::array<BlockId, 2> next;
        unsigned left;
    };
    std::vector<uint32_t> index(function.blocks.size(), kNone), low(function.blocks.size());
    std::vector<bool> open(function.blocks.size());
    std::vector<BlockId> members;
    std::vector<Frame> stack;
    uint32_t clock = 0;
    const auto enter = [&](BlockId id) {
        index[id] = low[id] = clock++;
        open[id] = true;
        members.push_back(id);
        Frame frame{id, {}, 0};
        for_each_edge(function.blocks[id], [&](const Edge& edge) {
            frame.next[frame.left++] = edge.target;
            if (edge.target == id) cycle[id] = id;
        });
        stack.push_back(frame);
    };
    enter(0);
    while (!stack.empty()) {
        Frame& top = stack.back();
        const BlockId block = top.block;
        if (top.left > 0) {
            const BlockId next = top.next[--top.left];
            if (index[next] == kNone)
                enter(next);
            else if (open[next])
                low[block] = std::min(low[block], index[next]);
            continue;
        }
        stack.pop_back();
        if (!stack.empty()) low[stack.back().block] = std::min(low[stack.back().block], low[block]);
        if (low[block] != index[block]) continue;
        const bool alone = members.back() == block;
        while (open[block]) {
            const BlockId member = members.back();
            members.pop_back();
            open[member] = false;
            if (!alone) cycle[member] = block;
        }
    }
    return cycle;
}

void remove_unreachable(Function& function) {
    const std::vector<BlockId> order = reverse_postorder(function);
    std::vector<BlockId> number(function.blocks.size(), kNone);
    std::vector<Block> kept;
    kept.reserve(order.size());
    for (const BlockId block : order) {
        number[block] = static_cast<BlockId>(kept.size());
        kept.push_back(std::move(function.blocks[block]));
    }
    for (Block& block : kept)
        for_each_edge(block, [&](Edge& edge) { edge.target = number[edge.target]; });
    function.blocks = std::move(kept);
}

EqualityTest equality_test(const Function& function, const Terminator& end) {
    if (end.kind != Terminator::Kind::branch) return {};
    if (end.comparison != Comparison::eq && end.comparison != Comparison::ne) return {};
    const bool left = is_number(function, end.a);
    if (left == is_number(function, end.b)) return {};
    return {left ? end.b : end.a, left ? end.a : end.b, end.comparison == Comparison::eq};
}

std::vector<uint32_t> count_edges(const Function& function) {
    std::vector<uint32_t> edges(function.blocks.size(), 0);
    for (const Block& block : function.blocks)
        for_each_edge(block, [&](const Edge& edge) { ++edges[edge.target]; });
    return edges;
}

std::vector<uint32_t> count_uses(const Function& function) {
    std::vector<uint32_t> uses(function.values.size(), 0);
    for (const Block& block : function.blocks) {
        for (const ValueId id : block.body)
            for_each_operand(function[id], [&](ValueId used) { ++uses[used]; });
        for_each_end_use(block, [&](ValueId used) { ++uses[used]; });
    }
    return uses;
}

}  // namespace vfm::ir
