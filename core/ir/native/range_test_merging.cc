// A test for a range becomes one comparison: x >= lo and x <= hi is x - lo <= hi - lo, since the
// difference wraps to a great number below lo. So do two tests that x is outside, and the
// membership in a set of consecutive numbers.
#include <algorithm>
#include <optional>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/native/native_passes.h"
#include "core/ir/native/trees.h"
#include "core/ir/passes/build.h"
#include "core/ir/passes/cleanup.h"

namespace vfm::ir {
namespace {

class RangeTestMerging {
  public:
    explicit RangeTestMerging(Function& function)
        : function_(function), trees_(function), numbers_(function) {}

    void run() {
        size_t bounds = 0;
        trees_.for_each_node_operand([&](Op, const Value& leaf) {
            const auto comparison = op_comparison(leaf.op);
            if (comparison && *comparison != Comparison::eq && *comparison != Comparison::ne)
                ++bounds;
        });
        bool changed = false;
        while (bounds > 1 && trees_.next()) {
            bool joined = false;
            for (size_t i = 0; i + 1 < trees_.leaves().size(); ++i) joined |= join(i);
            if (joined) trees_.rebuild();
            changed |= joined;
        }
        changed |= consecutive();
        if (changed) sweep(function_);
    }

  private:
    /// In an `and`: x is at least or at most a number. In an `or`: it is not.
    struct Bound {
        ValueId value;
        uint64_t number;
        bool low;
    };

    std::optional<Bound> bound(ValueId leaf) const {
        const Value& value = function_[leaf];
        auto comparison = op_comparison(value.op);
        if (!comparison || !is_number(function_, value.b)) return std::nullopt;
        if (trees_.op() == Op::or_) comparison = negate(*comparison);
        const uint64_t number = function_[value.b].imm;
        switch (*comparison) {
            case Comparison::eq:
            case Comparison::ne:
                return std::nullopt;
            case Comparison::ge:
                return Bound{value.a, number, true};
            case Comparison::le:
                return Bound{value.a, number, false};
            case Comparison::gt:
                if (number == ~uint64_t{0}) return std::nullopt;
                return Bound{value.a, number + 1, true};
            case Comparison::lt:
                if (number == 0) return std::nullopt;
                return Bound{value.a, number - 1, false};
        }
        return std::nullopt;
    }

    // Joins leaf i with a later one that bounds the same value on the other side.
    bool join(size_t i) {
        std::vector<ValueId>& leaves = trees_.leaves();
        const std::optional<Bound> one = bound(leaves[i]);
        if (!one || leaves.size() > kMaxLeaves) return false;
        for (size_t j = i + 1; j < leaves.size(); ++j) {
            const std::optional<Bound> other = bound(leaves[j]);
            if (!other || other->value != one->value || other->low == one->low) continue;
            const uint64_t low = one->low ? one->number : other->number;
            const uint64_t high = one->low ? other->number : one->number;
            if (low > high) continue;
            const ValueId start = trees_.number(low), length = trees_.number(high - low);
            const ValueId moved = trees_.make({.op = Op::sub, .a = one->value, .b = start});
            leaves[i] = trees_.make(
                {.op = trees_.op() == Op::or_ ? Op::gt : Op::le, .a = moved, .b = length});
            leaves.erase(leaves.begin() + static_cast<std::ptrdiff_t>(j));
            return true;
        }
        return false;
    }

    bool consecutive() {
        if (function_.sets.empty()) return false;
        bool changed = false;
        for (Block& block : function_.blocks) changed |= consecutive(block);
        numbers_.place();
        return changed;
    }

    bool consecutive(Block& block) {
        IdList body;  // what it becomes, once something changes
        for (size_t i = 0; i < block.body.size(); ++i) {
            const ValueId id = block.body[i];
            if (function_[id].op == Op::in_set) {
                const auto& set = function_.sets[function_[id].imm];
                const uint64_t first = set.front(), length = set.back() - first;
                if (length == set.size() - 1) {
                    if (body.empty()) body.assign(block.body.begin(), block.body.begin() + i);
                    body.push_back(test_range(id, first, length));
                }
            }
            if (!body.empty()) body.push_back(id);
        }
        if (body.empty()) return false;
        block.body = std::move(body);
        return true;
    }

    // Makes an operation the test that its operand is at most `length` above `first`; returns the
    // one that must stand before it.
    ValueId test_range(ValueId id, uint64_t first, uint64_t length) {
        const Value set = function_[id];
        const ValueId start = numbers_.get(first), most = numbers_.get(length);
        const auto moved = static_cast<ValueId>(function_.values.size());
        function_.values.push_back({.op = Op::sub, .a = set.a, .b = start, .origin = set.origin});
        function_[id] = {.op = Op::le, .a = moved, .b = most, .origin = set.origin};
        return moved;
    }

    Function& function_;
    TreeWalker trees_;
    EntryNumbers numbers_;
};

}  // namespace

void range_test_merging(Function& function) { RangeTestMerging(function).run(); }

}  // namespace vfm::ir
