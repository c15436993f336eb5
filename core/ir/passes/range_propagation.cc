// What branches and guards on every way to a place say of values there: comparisons and branches
// that it decides become numbers and jumps, operations whose result it leaves one number become
// that number, masks and the like that it makes idle vanish, and behind x = 5 x is 5.
//
// Facts are scoped: the walk over the dominator tree takes back on leaving a block what was learnt
// in it. A range that has become empty means that the place is never reached: whatever is then
// believed is right. Bases of loads keep their names: the proof of a load rests on its base.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/form/intervals.h"
#include "core/ir/passes/passes.h"
#include "core/ir/passes/rewrite.h"

namespace vfm::ir {
namespace {

// Which of a < b, a = b, a > b are possible.
using Relations = uint8_t;
constexpr Relations kLess = 1, kEqual = 2, kGreater = 4, kAny = kLess | kEqual | kGreater;

// Those under which a comparison holds.
constexpr Relations relations(Comparison comparison) {
    Relations result = 0;
    if (compare(comparison, 0, 1)) result |= kLess;
    if (compare(comparison, 0, 0)) result |= kEqual;
    if (compare(comparison, 1, 0)) result |= kGreater;
    return result;
}

class RangePropagation {
  public:
    RangePropagation(Function& function, Work& work)
        : function_(function),
          cfg_(work.cfg()),
          tree_(work.dominators()),
          bounds_(work.bounds()),
          scratch_(work.scratch()),
          replacements_(function, scratch_),
          low_(scratch_.array<uint64_t>(function.values.size(), 0)),
          high_(scratch_.array(function.values.size(), kMost)),
          number_(scratch_.array(function.values.size(), kNone)),
          relations_(scratch_),
          undo_(scratch_),
          undo_relations_(scratch_),
          marks_(scratch_) {}

    Changes run() {
        walk_tree(
            tree_,
            [&](BlockId id) {
                marks_.push_back({undo_.size(), undo_relations_.size()});
                visit(id);
            },
            [&](BlockId) {
                release(marks_.back());
                marks_.pop_back();
            });
        if (changes_.shape) remove_unreachable(function_);
        return changes_;
    }

  private:
    // Of two values; a < b in number, or b is a number and stands for all equal ones.
    struct Pair {
        ValueId a, b;
        bool operator==(const Pair&) const = default;
    };
    struct Hash {
        uint64_t operator()(const Pair& pair) const {
            return mix(kMixStart, uint64_t{pair.a} << 32 | pair.b);
        }
    };
    struct Change {
        ValueId value;
        ValueId number;
        uint64_t low, high;
    };
    struct RelationChange {
        Pair pair;
        Relations before;
    };
    struct Mark {
        size_t ranges, relations;
    };

    bool is_number(ValueId id) const { return function_[id].op == Op::constant; }

    // ---- facts -------------------------------------------------------------------------------

    void release(const Mark& mark) {
        while (undo_.size() > mark.ranges) {
            const Change& change = undo_.back();
            low_[change.value] = change.low;
            high_[change.value] = change.high;
            number_[change.value] = change.number;
            undo_.pop_back();
        }
        while (undo_relations_.size() > mark.relations) {
            const RelationChange& change = undo_relations_.back();
            relations_.insert(change.pair, kAny).value = change.before;
            undo_relations_.pop_back();
        }
    }

    void narrow(ValueId id, uint64_t low, uint64_t high, ValueId number) {
        low = std::max(low, low_[id]), high = std::min(high, high_[id]);
        if (number == kNone) number = number_[id];
        if (low == low_[id] && high == high_[id] && number == number_[id]) return;
        undo_.push_back({id, number_[id], low_[id], high_[id]});
        low_[id] = low, high_[id] = high, number_[id] = number;
    }

    void learn(Comparison comparison, ValueId a, ValueId b) {
        if (a == b) return;
        learn_bounds(comparison, a, b);
        learn_bounds(mirror(comparison), b, a);
        // Of numbers the bounds say all but that there is a gap.
        if (comparison != Comparison::ne && (is_number(a) || is_number(b))) return;
        if (a > b) std::swap(a, b), comparison = mirror(comparison);
        Relations& known = relations_.insert({a, b}, kAny).value;
        if ((known & ~relations(comparison)) == 0) return;
        undo_relations_.push_back({{a, b}, known});
        known &= relations(comparison);
    }

    // What a comparison b says of the bounds of a.
    void learn_bounds(Comparison comparison, ValueId a, ValueId b) {
        if (is_number(a)) return;
        const uint64_t low = low_[b], high = high_[b];
        switch (comparison) {
            case Comparison::eq:
                narrow(a, low, high, is_number(b) ? b : number_[b]);
                break;
            case Comparison::ne:
                if (low != high) break;
                if (low_[a] == low && low != kMost) narrow(a, low + 1, kMost, kNone);
                if (high_[a] == low && low != 0) narrow(a, 0, low - 1, kNone);
                break;
            case Comparison::gt:
                if (low != kMost) narrow(a, low + 1, kMost, kNone);
                break;
            case Comparison::ge:
                narrow(a, low, kMost, kNone);
                break;
            case Comparison::lt:
                if (high != 0) narrow(a, 0, high - 1, kNone);
                break;
            case Comparison::le:
                narrow(a, 0, high, kNone);
                break;
        }
    }

    // True if the bounds say that a comparison b holds.
    bool holds(Comparison comparison, ValueId a, ValueId b) const {
        switch (comparison) {
            case Comparison::eq:
                return low_[a] == high_[a] && low_[b] == high_[b] && low_[a] == low_[b];
            case Comparison::ne:
                return high_[a] < low_[b] || low_[a] > high_[b];
            case Comparison::gt:
                return low_[a] > high_[b];
            case Comparison::ge:
                return low_[a] >= high_[b];
            case Comparison::lt:
                return high_[a] < low_[b];
            case Comparison::le:
                return high_[a] <= low_[b];
        }
        return false;
    }

    // What is known of a comparison b.
    std::optional<bool> known(Comparison comparison, ValueId a, ValueId b) const {
        if (a == b) return compare(comparison, 0, 0);
        if (holds(comparison, a, b)) return true;
        if (holds(negate(comparison), a, b)) return false;
        if (a > b) std::swap(a, b), comparison = mirror(comparison);
        const Relations* const possible = relations_.find({a, b});
        if (!possible) return std::nullopt;
        if ((*possible & ~relations(comparison)) == 0) return true;
        if ((*possible & relations(comparison)) == 0) return false;
        return std::nullopt;
    }

    // ---- the walk ----------------------------------------------------------------------------

    // A way that was cut is not taken, so whatever is done to the blocks behind it is right.
    void visit(BlockId id) {
        Block& block = function_.blocks[id];
        for (const ValueId param : block.params) define(param, 0, bounds_[param]);
        const EnteringEdge edge = entering_edge(function_, cfg_, tree_, id);
        if (edge.from != kNone) {
            const Terminator& end = function_.blocks[edge.from].end;
            if (end.kind == Terminator::Kind::branch)
                learn(edge.taken ? end.comparison : negate(end.comparison), end.a, end.b);
        }
        if (!body(block)) return;
        this->end(block);
    }

    void define(ValueId id, uint64_t low, uint64_t high) {
        low_[id] = low, high_[id] = high;
        number_[id] = is_number(id) ? id : kNone;
    }

    // False if a guard is known to fail.
    bool body(Block& block) {
        size_t kept = 0;
        for (size_t i = 0; i < block.body.size(); ++i) {
            const ValueId id = block.body[i];
            Value& value = function_[id];
            if (is_loadx(value.op) || value.op == Op::guard_index)
                rename_base(value.a);
            else
                for_each_operand(value, [&](ValueId& use) { rename(use); });
            if (value.op == Op::guard_nonzero) {
                if (low_[value.a] > 0) {
                    changes_.fewer = true;
                    continue;
                }
                if (high_[value.a] == 0) {
                    end_with_trap(block, kept, ErrorKind::division_by_zero, value.origin);
                    changes_.shape = true;
                    return false;
                }
                narrow(value.a, 1, kMost, kNone);
            } else if (op_info(value.op).has_result && !operation(id, value)) {
                continue;
            }
            block.body[kept++] = id;
        }
        block.body.resize(kept);
        return true;
    }

    // What to use for a value here: what it is a copy of, the number it is known to be.
    void rename(ValueId& use) {
        ValueId by = replacements_.find(use);
        if (number_[by] != kNone) by = number_[by];
        if (std::exchange(use, by) != by) changes_.values = true;
    }
    void rename_base(ValueId& base) { base = replacements_.find(base); }

    // False if the operation is idle.
    bool operation(ValueId id, Value& value) {
        const auto comparison = op_comparison(value.op);
        const auto truth = comparison ? known(*comparison, value.a, value.b) : std::nullopt;
        if (truth) {
            make_number(id, *truth ? 1 : 0);
            return true;
        }
        const auto range = [&](ValueId operand) {
            return operand == kNone ? Interval{} : Interval{low_[operand], high_[operand]};
        };
        const Interval result = meaning(Intervals(), value, range(value.a), range(value.b));
        define(id, result.low, result.high);
        if (!is_arithmetic(value.op)) return true;
        if (low_[id] == high_[id]) {
            make_number(id, low_[id]);
        } else if (value.b != kNone && is_number(value.b) &&
                   gives_back(value.op, high_[value.a], function_[value.b].imm)) {
            replacements_.replace(id, value.a);
            changes_.values = changes_.fewer = true;
            return false;
        }
        return true;
    }

    void make_number(ValueId id, uint64_t number) {
        function_[id] = {.op = Op::constant, .imm = number, .origin = function_[id].origin};
        define(id, number, number);
        changes_.values = true;
    }

    void end(Block& block) {
        Terminator& end = block.end;
        if (end.kind == Terminator::Kind::branch_index) {
            rename_base(end.a);
        } else {
            if (end.a != kNone) rename(end.a);
            if (end.b != kNone) rename(end.b);
        }
        for_each_edge(block, [&](Edge& edge) {
            for (ValueId& arg : edge.args) rename(arg);
        });
        if (end.kind != Terminator::Kind::branch) return;
        const std::optional<bool> taken = known(end.comparison, end.a, end.b);
        if (!taken) return;
        end = jump_to(std::move(*taken ? end.then : end.otherwise), end.origin);
        changes_.shape = true;
    }

    Function& function_;
    const Cfg& cfg_;
    const Dominators& tree_;
    const std::span<const uint64_t> bounds_;
    Scratch& scratch_;
    Replacements replacements_;
    const std::span<uint64_t> low_, high_;  // by value; nothing is known of one behind a trap
    const std::span<ValueId> number_;       // the constant that a value is known to be, or kNone
    ScratchMap<Pair, Relations, Hash> relations_;
    ScratchStack<Change> undo_;
    ScratchStack<RelationChange> undo_relations_;
    ScratchStack<Mark> marks_;
    Changes changes_;
};

}  // namespace

Changes range_propagation(Function& function, Work& work) {
    return RangePropagation(function, work).run();
}

}  // namespace vfm::ir
