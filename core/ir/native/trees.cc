#include "core/ir/native/trees.h"

#include <algorithm>
#include <utility>

#include "core/ir/form/analysis.h"

namespace vfm::ir {

void TreeWalker::begin() {
    begun_ = true;
    block_ = static_cast<BlockId>(function_.blocks.size());
    uses_ = count_uses(function_);
    inner_.resize(uses_.size());
}

bool TreeWalker::next() {
    if (!begun_) begin();
    for (;;) {
        while (place_ == 0) {
            insert_made();
            if (block_ == 0) {
                numbers_.place();
                return false;
            }
            place_ = function_.blocks[--block_].body.size();
        }
        root_ = function_.blocks[block_].body[--place_];
        if (root_ >= inner_.size() || inner_[root_] || !is_tree(function_[root_])) continue;
        find_leaves();
        return true;
    }
}

void TreeWalker::find_leaves() {
    leaves_.clear();
    stack_.assign(1, root_);
    while (!stack_.empty()) {
        const ValueId id = stack_.back();
        stack_.pop_back();
        const Value& value = function_[id];
        const bool node = value.op == op() && is_tree(value);
        if (id == root_ || (node && used_once(id))) {
            inner_[id] = true;
            stack_.push_back(value.b);
            stack_.push_back(value.a);
        } else {
            leaves_.push_back(id);
        }
    }
}

ValueId TreeWalker::make(const Value& value) {
    const auto made = static_cast<ValueId>(function_.values.size());
    function_.values.push_back(value);
    function_.values.back().origin = function_[root_].origin;
    if (insertions_.empty() || insertions_.back().place != place_)
        insertions_.push_back({place_, made_.size(), made_.size()});
    made_.push_back(made);
    ++insertions_.back().end;
    return made;
}

// All at once: a block may have thousands of trees.
void TreeWalker::insert_made() {
    if (made_.empty()) return;
    IdList& body = function_.blocks[block_].body;
    size_t from = body.size(), to = from + made_.size();
    body.resize(to);
    for (const Insertion& insertion : insertions_) {
        while (from > insertion.place) body[--to] = body[--from];
        for (size_t i = insertion.end; i > insertion.begin;) body[--to] = made_[--i];
    }
    made_.clear();
    insertions_.clear();
}

// In pairs: what is joined last waits for few operations.
void TreeWalker::rebuild() {
    const Op joined = op();
    while (leaves_.size() > 2) {
        size_t kept = 0;
        for (size_t i = 0; i + 1 < leaves_.size(); i += 2)
            leaves_[kept++] = make({.op = joined, .a = leaves_[i], .b = leaves_[i + 1]});
        if (leaves_.size() % 2 != 0) leaves_[kept++] = leaves_.back();
        leaves_.resize(kept);
    }
    Value& root = function_[root_];
    const uint32_t origin = root.origin;
    if (leaves_.size() == 2)
        root = {.op = joined, .a = leaves_[0], .b = leaves_[1]};
    else
        root = function_[leaves_[0]];
    root.origin = origin;
}

}  // namespace vfm::ir
