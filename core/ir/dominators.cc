// Dominators by Lengauer and Tarjan with path compression: O(edges x log blocks) also where a
// hostile program makes the tree deep, which the simpler iterative method does not promise.
#include <algorithm>
#include <numeric>

#include "core/ir/analysis.h"

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

Dominators::Dominators(const Function& function, const Cfg& cfg) {
    parent_ = Tarjan(function).run(cfg);
    const size_t count = function.blocks.size();
    first_.assign(count + 1, 0);
    for (const BlockId block : cfg.order())
        if (block != 0) ++first_[parent_[block] + 1];
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    children_.resize(first_.back());
    std::vector<uint32_t> at(first_.begin(), first_.end() - 1);
    for (const BlockId block : cfg.order())
        if (block != 0) children_[at[parent_[block]]++] = block;

    enter_.assign(count, kNone);
    leave_.assign(count, 0);
    uint32_t clock = 0;
    walk_tree(
        *this, [&](BlockId block) { enter_[block] = clock++; },
        [&](BlockId block) { leave_[block] = clock++; });
}

BlockId Dominators::common(BlockId a, BlockId b) const {
    while (!dominates(a, b)) a = parent_[a];
    return a;
}

}  // namespace vfm::ir
