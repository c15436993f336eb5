#include "core/ir/form/ir.h"

#include <algorithm>
#include <array>

#include "core/ir/form/analysis.h"

namespace vfm::ir {

std::vector<const Edge*> successors(const Block& block) {
    std::vector<const Edge*> edges;
    for_each_edge(block, [&](const Edge& edge) { edges.push_back(&edge); });
    return edges;
}

std::vector<Edge*> successors(Block& block) {
    std::vector<Edge*> edges;
    for_each_edge(block, [&](Edge& edge) { edges.push_back(&edge); });
    return edges;
}

std::vector<BlockId> reverse_postorder(const Function& function) {
    struct Frame {
        BlockId block;
        std::array<BlockId, 2> next;
        unsigned left;
    };
    std::vector<BlockId> order;
    std::vector<bool> seen(function.blocks.size());
    std::vector<Frame> stack;
    order.reserve(function.blocks.size());
    stack.reserve(function.blocks.size());
    const auto enter = [&](BlockId id) {
        if (seen[id]) return;
        seen[id] = true;
        Frame frame{id, {}, 0};
        for_each_edge(function.blocks[id],
                      [&](const Edge& edge) { frame.next[frame.left++] = edge.target; });
        stack.push_back(frame);
    };
    if (!function.blocks.empty()) enter(0);
    // The last edge is followed first, so that `then` comes before `otherwise` in the result.
    while (!stack.empty()) {
        Frame& top = stack.back();
        if (top.left > 0) {
            enter(top.next[--top.left]);
        } else {
            order.push_back(top.block);
            stack.pop_back();
        }
    }
    std::ranges::reverse(order);
    return order;
}

}  // namespace vfm::ir
