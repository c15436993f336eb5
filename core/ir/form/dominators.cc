// Dominators. Without cycles each block's is the nearest common one of its predecessors, which all
// have theirs before it. With cycles by Lengauer and Tarjan with path compression. Both take
// O(edges x log blocks) also where a hostile program makes the tree deep, which the simpler
// iterative method does not promise.
#include <algorithm>
#include <numeric>

#include "core/ir/form/analysis.h"

namespace vfm::ir {
namespace {

// Blocks are known by their number in depth-first preorder here.
class Tarjan {
  public:
    explicit Tarjan(const Function& function) : numbers_(function.blocks.size(), kNone) {
        search(function);
        const size_t count = blocks_.size();
        semi_.resize(count);
        std::iota(semi_.begin(), semi_.end(), 0u);
        label_ = semi_;
        ancestor_.assign(count, kNone);
        dominator_.assign(count, 0);
    }

    /// The immediate dominator of every block.
    std::vector<BlockId> run(const Cfg& cfg) {
        const uint32_t count = static_cast<uint32_t>(blocks_.size());
        std::vector<uint32_t> bucket(count, kNone), next(count, kNone);
        for (uint32_t w = count - 1; w > 0; --w) {
            for (const BlockId pred : cfg.predecessors(blocks_[w]))
                semi_[w] = std::min(semi_[w], semi_[eval(numbers_[pred])]);
            next[w] = bucket[semi_[w]];
            bucket[semi_[w]] = w;
            const uint32_t parent = tree_parent_[w];
            ancestor_[w] = parent;
            for (uint32_t v = bucket[parent]; v != kNone; v = next[v]) {
                const uint32_t u = eval(v);
                dominator_[v] = semi_[u] < semi_[v] ? u : parent;
            }
            bucket[parent] = kNone;
        }
        std::vector<BlockId> result(numbers_.size(), kNone);
        for (uint32_t w = 1; w < count; ++w) {
            if (dominator_[w] != semi_[w]) dominator_[w] = dominator_[dominator_[w]];
            result[blocks_[w]] = blocks_[dominator_[w]];
        }
        return result;
    }

  private:
    void search(const Function& function) {
        struct Step {
            BlockId block;
            uint32_t parent;
        };
        std::vector<Step> stack{{0, 0}};
        while (!stack.empty()) {
            const Step step = stack.back();
            stack.pop_back();
            if (numbers_[step.block] != kNone) continue;
            const uint32_t number = static_cast<uint32_t>(blocks_.size());
            numbers_[step.block] = number;
            blocks_.push_back(step.block);
            tree_parent_.push_back(step.parent);
            for_each_edge(function.blocks[step.block],
                          [&](const Edge& edge) { stack.push_back({edge.target, number}); });
        }
    }

    uint32_t eval(uint32_t v) {
        if (ancestor_[v] == kNone) return v;
        path_.clear();
        for (uint32_t at = v; ancestor_[ancestor_[at]] != kNone; at = ancestor_[at])
            path_.push_back(at);
        while (!path_.empty()) {
            const uint32_t at = path_.back(), above = ancestor_[at];
            path_.pop_back();
            if (semi_[label_[above]] < semi_[label_[at]]) label_[at] = label_[above];
            ancestor_[at] = ancestor_[above];
        }
        return label_[v];
    }

    std::vector<uint32_t> numbers_;  // by block
    std::vector<BlockId> blocks_;    // by number
    std::vector<uint32_t> tree_parent_, semi_, label_, ancestor_, dominator_, path_;
};

}  // namespace

// The depth of each block in the tree, and for each an ancestor so far above it that any ancestor
// is reached in O(log depth) steps.
void Dominators::find_acyclic(const Cfg& cfg) {
    std::vector<uint32_t>&depth = enter_, &far = leave_;
    depth[0] = 0, far[0] = 0;
    for (const BlockId block : cfg.order().subspan(1)) {
        const auto preds = cfg.predecessors(block);
        BlockId a = preds.front();
        for (BlockId b : preds.subspan(1)) {
            if (depth[a] < depth[b]) std::swap(a, b);
            while (depth[a] > depth[b]) a = depth[far[a]] >= depth[b] ? far[a] : parent_[a];
            // At one depth both have their far ancestors at one depth, too.
            while (a != b) {
                const bool apart = far[a] != far[b];
                a = apart ? far[a] : parent_[a];
                b = apart ? far[b] : parent_[b];
            }
        }
        parent_[block] = a;
        depth[block] = depth[a] + 1;
        const BlockId above = far[a];
        far[block] = depth[a] - depth[above] == depth[above] - depth[far[above]] ? far[above] : a;
    }
}

void Dominators::build(const Function& function, const Cfg& cfg) {
    const size_t count = function.blocks.size();
    parent_.assign(count, kNone);
    enter_.resize(count);
    leave_.resize(count);
    if (cfg.cyclic())
        parent_ = Tarjan(function).run(cfg);
    else
        find_acyclic(cfg);

    // A block's subtree takes as many places as it has blocks; children in their order.
    const auto order = cfg.order();
    std::ranges::fill(enter_, kNone);
    std::ranges::fill(leave_, 1u);
    for (size_t i = order.size(); i-- > 1;) leave_[parent_[order[i]]] += leave_[order[i]];
    preorder_.resize(order.size());
    for (const BlockId block : order) {
        const BlockId parent = parent_[block];
        // Until all children are placed, leave_ of a parent is the place of the next one.
        const uint32_t size = leave_[block], place = parent == kNone ? 0 : leave_[parent];
        if (parent != kNone) leave_[parent] += size;
        enter_[block] = place;
        leave_[block] = place + 1;
        preorder_[place] = block;
    }
}

BlockId Dominators::common(BlockId a, BlockId b) const {
    while (!dominates(a, b)) a = parent_[a];
    return a;
}

}  // namespace vfm::ir
