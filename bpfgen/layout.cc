#include "bpfgen/layout.h"

#include <algorithm>

#include "bpfgen/jump_threading.h"
#include "core/ir/form/analysis.h"

namespace vfm::bpf {
namespace {

// Reverse postorder in which the way that ends sooner stands first.
std::vector<ir::BlockId> sooner_first(const ir::Function& function, const Layout& layout) {
    struct Frame {
        ir::BlockId block;
        std::vector<ir::BlockId> next;  // taken from the back
    };
    const auto frame = [&](ir::BlockId id) {
        const ir::Block& block = function.blocks[id];
        Frame made{id, {}};
        ir::for_each_edge(block, [&](const ir::Edge& edge) { made.next.push_back(edge.target); });
        // What is visited last stands first, and the back is visited first.
        if (made.next.size() == 2 && !layout.then_is_sooner(block)) {
            std::swap(made.next[0], made.next[1]);
        }
        return made;
    };
    std::vector<bool> seen(function.blocks.size(), false);
    std::vector<ir::BlockId> postorder;
    std::vector<Frame> stack;
    stack.push_back(frame(0));
    seen[0] = true;
    while (!stack.empty()) {
        if (stack.back().next.empty()) {
            postorder.push_back(stack.back().block);
            stack.pop_back();
            continue;
        }
        const ir::BlockId next = stack.back().next.back();
        stack.back().next.pop_back();
        if (seen[next]) continue;
        seen[next] = true;
        stack.push_back(frame(next));
    }
    std::ranges::reverse(postorder);
    return postorder;
}

}  // namespace

Layout::Layout(const ir::Function& function) : height_(function.blocks.size(), 0) {
    const ir::Cfg cfg(function);
    for (size_t i = cfg.order().size(); i-- > 0;) {
        const ir::BlockId id = cfg.order()[i];
        if (is_bare_end(function, id)) continue;
        height_[id] = 1;
        ir::for_each_edge(function.blocks[id], [&](const ir::Edge& edge) {
            height_[id] = std::max(height_[id], height_[edge.target] + 1);
        });
    }
    order_ = sooner_first(function, *this);
    std::erase_if(order_, [&](ir::BlockId id) { return id != 0 && is_bare_end(function, id); });
}

bool Layout::then_is_sooner(const ir::Block& block) const {
    return height_[block.end.then.target] <= height_[block.end.otherwise.target];
}

}  // namespace vfm::bpf
