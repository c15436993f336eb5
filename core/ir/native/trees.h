// Trees of `and` or of `or`: what if_conversion leaves of tests, and what passes look through for
// tests that one operation can make together. An inner node has no use but in its tree, so the
// order in which the leaves are joined is free.
#pragma once

#include <vector>

#include "core/ir/passes/build.h"

namespace vfm::ir {

/// Leaves of a tree, at most, that a pass compares each with each.
constexpr size_t kMaxLeaves = 64;

/// Visits every tree of a function, later ones first:
///     TreeWalker trees(function);
///     while (trees.next())
///         if (... changes trees.leaves(), with trees.make()) trees.rebuild();
/// Only when next() has said that there is none does what was made stand in the function. What is
/// no longer used stays behind for sweep().
class TreeWalker {
  public:
    explicit TreeWalker(Function& function) : function_(function), numbers_(function) {}

    /// Goes to the next tree; false if there is none.
    bool next();

    Op op() const { return function_[root_].op; }
    /// From left to right; numbers may be among them.
    const std::vector<ValueId>& leaves() const { return leaves_; }
    std::vector<ValueId>& leaves() { return leaves_; }
    BlockId block() const { return block_; }
    bool used_once(ValueId id) const { return id < uses_.size() && uses_[id] == 1; }
    /// An operation in front of the tree's root.
    ValueId make(const Value& value);
    ValueId number(uint64_t number) { return numbers_.get(number); }
    /// Makes the tree anew of its leaves, at least one.
    void rebuild();

    /// Calls `body` with the operation of each node and each of its operands, leaf or not: a pass
    /// that finds nothing here need not look further. Needs no memory.
    template <class Body>
    void for_each_node_operand(Body body) const {
        for (const Block& block : function_.blocks)
            for (const ValueId id : block.body) {
                const Value& value = function_[id];
                if (!is_tree(value)) continue;
                body(value.op, function_[value.a]);
                body(value.op, function_[value.b]);
            }
    }

  private:
    // With a number as an operand it is a mask.
    bool is_tree(const Value& value) const {
        return (value.op == Op::and_ || value.op == Op::or_) && !is_number(function_, value.a) &&
               !is_number(function_, value.b);
    }
    // Operations for the place in front of a root: made_[begin] up to made_[end].
    struct Insertion {
        size_t place, begin, end;
    };

    void begin();
    void find_leaves();
    void insert_made();

    Function& function_;
    EntryNumbers numbers_;
    bool begun_ = false;
    std::vector<uint32_t> uses_;
    std::vector<bool> inner_;
    std::vector<ValueId> leaves_, stack_;
    BlockId block_ = 0;
    size_t place_ = 0;  // of the root, in the body; of what was visited last
    ValueId root_ = kNone;
    // of the block, later places first
    std::vector<ValueId> made_;
    std::vector<Insertion> insertions_;
};

}  // namespace vfm::ir
