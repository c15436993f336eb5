// Equality tests of one value among the leaves of an `or`, inequality tests among those of an
// `and`, and memberships of it become one membership: what if_to_switch does for tests that are
// branches.
#include <algorithm>
#include <iterator>
#include <span>

#include "core/ir/form/analysis.h"
#include "core/ir/native/native_passes.h"
#include "core/ir/native/trees.h"
#include "core/ir/passes/cleanup.h"

namespace vfm::ir {
namespace {

constexpr size_t kMinJoined = 3;   // keys; two comparisons are as fast
constexpr size_t kMaxValues = 16;  // leaves of a tree for which others are looked for

class EqualityMerging {
  public:
    explicit EqualityMerging(Function& function) : function_(function), trees_(function) {}

    void run() {
        size_t keys = 0;  // roughly
        trees_.for_each_node_operand([&](Op op, const Value& leaf) {
            if (leaf.op == (op == Op::or_ ? Op::eq : Op::ne)) ++keys;
            if (leaf.op == Op::in_set || (op == Op::and_ && leaf.op == Op::xor_)) keys += 2;
        });
        if (keys < kMinJoined) return;
        bool changed = false;
        while (trees_.next()) {
            bool joined = false;
            for (size_t i = 0; i + 1 < trees_.leaves().size() && i < kMaxValues; ++i)
                joined |= join(i);
            if (joined) trees_.rebuild();
            changed |= joined;
        }
        if (changed) sweep(function_);
    }

  private:
    // Adds the keys for which a leaf decides the tree; returns the value that it tests or kNone.
    ValueId keys_of(ValueId leaf) {
        const bool any = trees_.op() == Op::or_;
        const Value* value = &function_[leaf];
        if (value->op == (any ? Op::eq : Op::ne) && is_number(function_, value->b)) {
            keys_.push_back(function_[value->b].imm);
            return value->a;
        }
        if (!trees_.used_once(leaf)) return kNone;
        if (!any) {
            if (value->op != Op::xor_ || !is_number(function_, value->b, 1)) return kNone;
            value = &function_[value->a];
        }
        if (value->op != Op::in_set) return kNone;
        const auto& set = function_.sets[value->imm];
        keys_.insert(keys_.end(), set.begin(), set.end());
        return value->a;
    }

    // Joins leaf i with all later ones that test the same value.
    bool join(size_t i) {
        std::vector<ValueId>& leaves = trees_.leaves();
        keys_.clear();
        const ValueId value = keys_of(leaves[i]);
        if (value == kNone) return false;
        joined_.clear();
        runs_.clear();
        for (size_t j = i + 1; j < leaves.size(); ++j) {
            const size_t before = keys_.size();
            if (keys_of(leaves[j]) == value) {
                joined_.push_back(j);
                runs_.push_back(before);
            } else {
                keys_.resize(before);
            }
        }
        if (joined_.empty() || keys_.size() < kMinJoined) return false;
        sort_keys();
        const auto repeated = std::ranges::unique(keys_);
        keys_.erase(repeated.begin(), repeated.end());
        ValueId made = trees_.make({.op = Op::in_set, .a = value, .imm = function_.sets.size()});
        function_.sets.push_back(keys_);
        if (trees_.op() == Op::and_)
            made = trees_.make({.op = Op::xor_, .a = made, .b = trees_.number(1)});
        leaves[i] = made;
        while (!joined_.empty()) {
            leaves.erase(leaves.begin() + static_cast<std::ptrdiff_t>(joined_.back()));
            joined_.pop_back();
        }
        return true;
    }

    // The keys of each leaf are in order: a large set and a test more are merged.
    void sort_keys() {
        constexpr size_t kFewRuns = 3;
        if (runs_.size() > kFewRuns) {
            std::ranges::sort(keys_);
            return;
        }
        runs_.push_back(keys_.size());
        for (size_t i = 0; i + 1 < runs_.size(); ++i) {
            const std::span<const uint64_t> all(keys_);
            merged_.clear();
            std::ranges::merge(all.first(runs_[i]), all.subspan(runs_[i], runs_[i + 1] - runs_[i]),
                               std::back_inserter(merged_));
            std::ranges::copy(merged_, keys_.begin());
        }
    }

    Function& function_;
    TreeWalker trees_;
    std::vector<uint64_t> keys_;
    std::vector<size_t> joined_;
    std::vector<size_t> runs_;  // where the keys of each of them begin in keys_
    std::vector<uint64_t> merged_;
};

}  // namespace

void equality_merging(Function& function) { EqualityMerging(function).run(); }

}  // namespace vfm::ir
