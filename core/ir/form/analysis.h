// What passes need to know of a function's shape: edges, predecessors, dominators. All of it is
// computed anew where it is needed, in near-linear time and without recursion: a hostile program
// has tens of thousands of blocks.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "core/ir/form/ir.h"

namespace vfm::ir {

/// True if the block ends in a choice between two edges.
inline bool is_branch(const Terminator& end) {
    switch (end.kind) {
        case Terminator::Kind::branch:
        case Terminator::Kind::branch_len:
        case Terminator::Kind::branch_index:
            return true;
        case Terminator::Kind::jump:
        case Terminator::Kind::ret:
        case Terminator::Kind::trap:
            return false;
    }
    return false;
}

inline Terminator jump_to(Edge to, uint32_t origin) {
    Terminator end{.kind = Terminator::Kind::jump, .origin = origin};
    end.then = std::move(to);
    return end;
}

/// Calls `body` with each edge that leaves the block, `then` first.
template <class B, class Body>
void for_each_edge(B& block, Body body) {
    if (block.end.kind == Terminator::Kind::jump) {
        body(block.end.then);
    } else if (is_branch(block.end)) {
        body(block.end.then);
        body(block.end.otherwise);
    }
}

/// Calls `body` with each operand of a value (by reference, for rewriting).
template <class V, class Body>
void for_each_operand(V& value, Body body) {
    const unsigned count = op_info(value.op).operands;
    if (count > 0) body(value.a);
    if (count > 1) body(value.b);
    for (auto& operand : value.more) body(operand);
}

/// Calls `body` with each value that the end of a block uses, arguments of its edges included.
template <class B, class Body>
void for_each_end_use(B& block, Body body) {
    if (block.end.a != kNone) body(block.end.a);
    if (block.end.b != kNone) body(block.end.b);
    for_each_edge(block, [&](auto& edge) {
        for (auto& arg : edge.args) body(arg);
    });
}

/// A block's end read as a test of a value for equality with a number.
struct EqualityTest {
    ValueId value = kNone;   ///< kNone if the end is no such test
    ValueId number = kNone;  ///< the constant
    bool hit_is_then = true;
    const Edge& hit(const Terminator& end) const { return hit_is_then ? end.then : end.otherwise; }
    const Edge& miss(const Terminator& end) const { return hit_is_then ? end.otherwise : end.then; }
};
EqualityTest equality_test(const Function& function, const Terminator& end);

/// By block, the edges that lead to it.
std::vector<uint32_t> count_edges(const Function& function);

/// By value, the operations, ends and edges that use it.
std::vector<uint32_t> count_uses(const Function& function);

/// Reverse postorder and predecessors of the reachable blocks.
class Cfg {
  public:
    Cfg() = default;
    explicit Cfg(const Function& function) { build(function); }
    /// Looks at a function anew, with the memory of the time before.
    void build(const Function& function);

    std::span<const BlockId> order() const { return order_; }
    /// Place in order(), kNone for a block that cannot be reached.
    uint32_t position(BlockId block) const { return position_[block]; }
    bool reachable(BlockId block) const { return position_[block] != kNone; }
    /// Blocks with an edge to this one; one with two such edges stands here twice.
    std::span<const BlockId> predecessors(BlockId block) const {
        return std::span(preds_).subspan(first_[block], first_[block + 1] - first_[block]);
    }
    /// True if some edge leads from a block to itself or to an earlier one in order().
    bool cyclic() const { return cyclic_; }

  private:
    std::vector<BlockId> order_;
    std::vector<uint32_t> position_;
    std::vector<uint32_t> first_;
    std::vector<BlockId> preds_;
    bool cyclic_ = false;
};

/// The dominator tree of the reachable blocks.
class Dominators {
  public:
    Dominators() = default;
    Dominators(const Function& function, const Cfg& cfg) { build(function, cfg); }
    void build(const Function& function, const Cfg& cfg);

    /// The nearest block that every path to `block` passes before it; kNone for the entry.
    BlockId parent(BlockId block) const { return parent_[block]; }
    /// Every block after all that dominate it, and what one block dominates without a gap.
    std::span<const BlockId> preorder() const { return preorder_; }
    /// True if every path to `b` passes `a`; a block dominates itself.
    bool dominates(BlockId a, BlockId b) const {
        return enter_[a] <= enter_[b] && enter_[b] < leave_[a];
    }
    /// The nearest block that dominates both.
    BlockId common(BlockId a, BlockId b) const;

  private:
    void find_acyclic(const Cfg& cfg);

    std::vector<BlockId> parent_;
    std::vector<BlockId> preorder_;
    std::vector<uint32_t> enter_, leave_;  // places in preorder(): of a block, behind its subtree
};

/// Walks the dominator tree, parents before children: enter(block) on the way down, leave(block)
/// when all that it dominates is done.
template <class Enter, class Leave>
void walk_tree(const Dominators& tree, Enter enter, Leave leave) {
    BlockId open = kNone;
    const auto close = [&](BlockId until) {
        for (; open != until; open = tree.parent(open)) leave(open);
    };
    for (const BlockId block : tree.preorder()) {
        close(tree.parent(block));
        enter(block);
        open = block;
    }
    close(kNone);
}

/// The branch whose one edge every path to a block takes last before the block is first reached,
/// if there is one: what that edge tests is known in the block.
struct EnteringEdge {
    BlockId from = kNone;  ///< block that ends in the branch; kNone if there is none
    bool taken = false;    ///< by its `then` edge
};
EnteringEdge entering_edge(const Function& function, const Cfg& cfg, const Dominators& tree,
                           BlockId block);

/// The strongly connected component of each block that lies on a cycle: one of its blocks stands
/// for it. kNone for a block on no cycle.
std::vector<BlockId> cycles(const Function& function, const Cfg& cfg);

/// Drops blocks that cannot be reached and numbers the others in reverse postorder.
void remove_unreachable(Function& function);

}  // namespace vfm::ir
