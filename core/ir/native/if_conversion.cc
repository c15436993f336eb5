// Branches that only choose between cheap tests become arithmetic on truth values. A branch on what
// a packet holds is mispredicted as often as packets differ, and that costs as much as a dozen
// comparisons: (and tcp (or http https)) takes 9 ns as branches, 4 without. So what a branch would
// skip is done in any case, if it is cheap, has no effect and cannot fail: operations that need no
// guard, and loads within the length that is known there.
//
// From the last block to the first, so that a block has become as simple as it can be before its
// predecessors look at it. A block is absorbed by its only predecessor:
//   A: c ? B : X    B: d ? Y : X    ->  A: c and d ? Y : X
//   A: c ? B : X    B: on with y, X: the same way on with x    ->  A: on with (c ? y : x)
//   A: c ? B : C    both on the same way, or ending in a choice of the same two
// where ending the run with a value counts as a way on with that value.
#include <algorithm>
#include <array>
#include <optional>

#include "core/ir/form/analysis.h"
#include "core/ir/native/native_passes.h"
#include "core/ir/native/speculation.h"
#include "core/ir/native/truths.h"
#include "core/ir/passes/cleanup.h"
#include "core/ir/passes/equivalence.h"

namespace vfm::ir {
namespace {

// What may be done in vain, in comparisons: about half of what a mispredicted branch costs.
constexpr unsigned kMaxCost = 10;
constexpr size_t kMaxGrown = 96;     // operations of a block that grows, or that is taken
constexpr unsigned kMaxSelects = 2;  // arguments that are chosen by more than one operation

class IfConversion {
  public:
    explicit IfConversion(Function& function)
        : function_(function),
          truths_(function),
          edges_(count_edges(function)),
          proved_(proved_lengths(function)) {}

    void run() {
        for (auto id = static_cast<BlockId>(function_.blocks.size()); id-- > 0;) {
            if (id > 0 && edges_[id] == 0) continue;
            while (step(id)) changed_ = true;
        }
        if (!changed_) return;
        truths_.place_numbers();
        for (Block& block : function_.blocks) {
            for (const ValueId id : block.body)
                for_each_operand(function_[id], [&](ValueId& use) { use = find(use); });
            for_each_end_use(block, [&](ValueId& use) { use = find(use); });
        }
        keep_reachable(function_);
        sweep(function_);
    }

  private:
    /// Where an edge leads in the end: to a block, or out of the function.
    struct Way {
        enum class Kind : uint8_t { block, ret, trap };
        Kind kind = Kind::block;
        const Edge* edge = nullptr;  // of an edge, also where it leads out
        ValueId value = kNone;
        ErrorKind error = ErrorKind::success;
    };

    // ---- values that stand for others --------------------------------------------------------

    ValueId next(ValueId id) const { return id < to_.size() ? to_[id] : kNone; }
    ValueId find(ValueId id) const {
        for (ValueId by = next(id); by != kNone; by = next(id)) {
            if (const ValueId further = next(by); further != kNone) to_[id] = further;
            id = by;
        }
        return id;
    }
    void replace(ValueId id, ValueId by) {
        if (id >= to_.size()) to_.resize(std::max<size_t>(id + 1, function_.values.size()), kNone);
        to_[id] = by;
    }
    bool same(ValueId a, ValueId b) const { return same_value(function_, find(a), find(b), 0); }

    // ---- ways --------------------------------------------------------------------------------

    ValueId on_edge(const Edge& edge, ValueId id) const {
        const IdList& params = function_.blocks[edge.target].params;
        for (size_t i = 0; i < params.size(); ++i)
            if (params[i] == id) return find(edge.args[i]);
        return find(id);
    }

    Way way_of(const Edge& edge) const {
        const Block& block = function_.blocks[edge.target];
        Way way{.edge = &edge};
        if (!block.body.empty()) return way;
        if (block.end.kind == Terminator::Kind::ret) {
            way.kind = Way::Kind::ret;
            way.value = on_edge(edge, block.end.a);
        } else if (block.end.kind == Terminator::Kind::trap) {
            way.kind = Way::Kind::trap;
            way.error = block.end.error;
        }
        return way;
    }

    /// The only way on from an end; nothing for a choice.
    std::optional<Way> only_way(const Terminator& end) const {
        switch (end.kind) {
            case Terminator::Kind::jump:
                return way_of(end.then);
            case Terminator::Kind::ret:
                return Way{.kind = Way::Kind::ret, .value = find(end.a)};
            case Terminator::Kind::trap:
                return Way{.kind = Way::Kind::trap, .error = end.error};
            case Terminator::Kind::branch:
            case Terminator::Kind::branch_len:
            case Terminator::Kind::branch_index:
                break;
        }
        return std::nullopt;
    }

    bool same(const Way& a, const Way& b) const {
        if (a.kind != b.kind) return false;
        switch (a.kind) {
            case Way::Kind::block:
                break;
            case Way::Kind::ret:
                return same(a.value, b.value);
            case Way::Kind::trap:
                return a.error == b.error;
        }
        return a.edge->target == b.edge->target &&
               std::equal(a.edge->args.begin(), a.edge->args.end(), b.edge->args.begin(),
                          [&](ValueId x, ValueId y) { return same(x, y); });
    }

    /// True if the ways differ in values only, and to choose these is cheap.
    bool selectable(const Way& a, const Way& b) const {
        if (a.kind != b.kind || a.kind == Way::Kind::trap) return false;
        if (a.kind == Way::Kind::ret) return true;
        if (a.edge->target != b.edge->target) return false;
        unsigned dear = 0;
        for (size_t i = 0; i < a.edge->args.size(); ++i)
            if (!truths_.cheap_select(find(a.edge->args[i]), find(b.edge->args[i]))) ++dear;
        return dear <= kMaxSelects;
    }

    void release(const Way& way) {
        if (way.edge != nullptr) --edges_[way.edge->target];
    }

    // ---- what may be done in vain ------------------------------------------------------------

    unsigned cost_of(ValueId id) const {
        const Value& value = function_[id];
        switch (value.op) {
            case Op::constant:
            case Op::len:
            case Op::load:
            case Op::load_raw:
                return 0;
            case Op::mul:
                return 3;
            case Op::and_:
            case Op::or_:
            case Op::xor_:  // what joins truth values is not counted
                return truths_.is_truth(id) ? 0 : 1;
            case Op::in_set: {
                const size_t keys = function_.sets[value.imm].size();
                return keys <= 8 ? 2 : keys <= 32 ? 3 : kMaxCost + 1;
            }
            case Op::in_rows: {
                const size_t rows = function_.rows[value.imm].size();
                return rows <= 8 ? 3 : rows <= 16 ? 5 : kMaxCost + 1;
            }
            default:
                return op_info(value.op).calls ? kMaxCost + 1 : 1;
        }
    }

    size_t operations(const Block& block) const {
        return static_cast<size_t>(std::ranges::count_if(
            block.body, [&](ValueId id) { return !is_number(function_, id); }));
    }

    bool absorbable(BlockId from, const Edge& edge) const {
        const BlockId id = edge.target;
        if (edges_[id] != 1 || id == from || id == 0) return false;
        const Block& block = function_.blocks[id];
        if (operations(block) + operations(function_.blocks[from]) > kMaxGrown) return false;
        unsigned cost = is_branch(block.end) ? 1 : 0;
        for (const ValueId value : block.body) {
            if (!speculatable(function_[value], proved_[from])) return false;
            cost += cost_of(value);
            if (cost > kMaxCost) return false;
        }
        return true;
    }

    // ---- steps -------------------------------------------------------------------------------

    void take_values(Block& to, const Edge& edge) {
        Block& from = function_.blocks[edge.target];
        for (size_t i = 0; i < from.params.size(); ++i) replace(from.params[i], find(edge.args[i]));
        const size_t before = to.body.size();
        for (const ValueId id : from.body) {
            Value& value = function_[id];
            for_each_operand(value, [&](ValueId& use) { use = find(use); });
            const ValueId there =
                op_info(value.op).effect == Effect::pure ? made_before(to, before, value) : kNone;
            if (there != kNone)
                replace(id, there);
            else
                to.body.push_back(id);
        }
        for_each_end_use(from, [&](ValueId& use) { use = find(use); });
        from.body.clear();
    }

    ValueId made_before(const Block& block, size_t count, const Value& value) const {
        for (size_t i = 0; i < count; ++i) {
            const Value& other = function_[block.body[i]];
            if (other.op == value.op && other.imm == value.imm && other.size == value.size &&
                find(other.a) == value.a && find(other.b) == value.b && value.more.empty())
                return block.body[i];
        }
        return kNone;
    }

    /// Makes a block simpler by one step; false if it stays as it is.
    bool step(BlockId id) {
        Block& block = function_.blocks[id];
        if (block.end.kind == Terminator::Kind::jump) return follow(id);
        if (block.end.kind != Terminator::Kind::branch) return false;
        for_each_end_use(block, [&](ValueId& use) { use = find(use); });
        truths_.set_origin(block.end.origin);
        const Way then = way_of(block.end.then), otherwise = way_of(block.end.otherwise);
        if (same(then, otherwise) || selectable(then, otherwise)) {
            choose(block, truths_.condition(block.end), then, otherwise);
            return true;
        }
        const bool first = absorbable(id, block.end.then);
        const bool second = absorbable(id, block.end.otherwise);
        return (first && absorb(id, true)) || (second && absorb(id, false)) ||
               (first && second && absorb_both(id));
    }

    // A block with one way on becomes one with what follows.
    bool follow(BlockId id) {
        Block& block = function_.blocks[id];
        const Edge edge = block.end.then;
        const Way way = way_of(edge);
        if (way.kind != Way::Kind::block) {
            --edges_[edge.target];
            end_by(block, way, way.value);
            return true;
        }
        if (edges_[edge.target] != 1 || edge.target == id || edge.target == 0) return false;
        // Whoever joins long blocks one by one moves the last of them many times.
        if (function_.blocks[edge.target].body.size() > kMaxGrown) return false;
        take_values(block, edge);
        proved_[id] = std::max(proved_[id], proved_[edge.target]);
        --edges_[edge.target];
        block.end = std::move(function_.blocks[edge.target].end);
        function_.blocks[edge.target].end = {.kind = Terminator::Kind::trap,
                                             .error = ErrorKind::bounds};
        return true;
    }

    static void end_by(Block& block, const Way& way, ValueId value) {
        const uint32_t origin = block.end.origin;
        if (way.kind == Way::Kind::ret)
            block.end = {.kind = Terminator::Kind::ret, .a = value, .origin = origin};
        else
            block.end = {.kind = Terminator::Kind::trap, .error = way.error, .origin = origin};
    }

    // Ends a block by the one way that both are, with the values of `yes` if the condition holds.
    void choose(Block& block, const Condition& condition, const Way& yes, const Way& no) {
        release(yes);
        release(no);
        if (yes.kind != Way::Kind::block) {
            const ValueId value =
                yes.kind == Way::Kind::ret
                    ? truths_.select(block, condition, find(yes.value), find(no.value))
                    : kNone;
            end_by(block, yes, value);
            return;
        }
        Edge edge{yes.edge->target, {}};
        for (size_t i = 0; i < yes.edge->args.size(); ++i)
            edge.args.push_back(
                truths_.select(block, condition, find(yes.edge->args[i]), find(no.edge->args[i])));
        ++edges_[edge.target];
        block.end = jump_to(std::move(edge), block.end.origin);
    }

    // Absorbs the block on one side if the other side is a way that it leads to as well.
    bool absorb(BlockId id, bool side) {
        Block& block = function_.blocks[id];
        const Edge edge = side ? block.end.then : block.end.otherwise;
        const Edge stays = side ? block.end.otherwise : block.end.then;
        Block& next = function_.blocks[edge.target];
        const Way other = way_of(stays);
        if (const auto way = only_way(next.end)) {
            if (!same(*way, other) && !selectable(*way, other)) return false;
            take_values(block, edge);
            --edges_[edge.target];
            const Way there = *only_way(next.end);
            choose(block, truths_.condition(block.end), side ? there : other, side ? other : there);
            return true;
        }
        if (next.end.kind != Terminator::Kind::branch) return false;
        const bool met = same(way_of(next.end.then), other);  // where the test there holds
        if (!met && !same(way_of(next.end.otherwise), other)) return false;
        take_values(block, edge);
        --edges_[edge.target];
        release(other);
        join_tests(block, side, next.end, met, stays);
        return true;
    }

    // Two tests in a row that share one of their ways become one: of the two forms that it can have
    // the one that negates less.
    void join_tests(Block& block, bool side, const Terminator& second, bool met,
                    const Edge& shared) {
        const Condition a = truths_.condition(block.end), b = truths_.condition(second);
        const Edge rest = met ? second.otherwise : second.then;
        const bool either = truths_.negations(a, !side) + truths_.negations(b, met) <=
                            truths_.negations(a, side) + truths_.negations(b, !met);
        const ValueId x = truths_.value(block, a, !side == either);
        const ValueId y = truths_.value(block, b, met == either);
        const ValueId joined = either ? truths_.either(block, x, y) : truths_.both(block, x, y);
        end_by_test(block, joined, either ? shared : rest, either ? rest : shared);
    }

    void end_by_test(Block& block, ValueId truth, Edge then, Edge otherwise) {
        const uint32_t origin = block.end.origin;
        block.end = {.kind = Terminator::Kind::branch,
                     .comparison = Comparison::ne,
                     .a = truth,
                     .b = truths_.number(0),
                     .origin = origin};
        block.end.then = std::move(then);
        block.end.otherwise = std::move(otherwise);
    }

    // Absorbs the blocks on both sides if they lead on the same way, or end in a choice between the
    // same two.
    bool absorb_both(BlockId id) {
        Block& block = function_.blocks[id];
        const Edge yes = block.end.then, no = block.end.otherwise;
        Block &first = function_.blocks[yes.target], &second = function_.blocks[no.target];
        const auto way = only_way(first.end), other = only_way(second.end);
        if (way && other) {
            if (!same(*way, *other) && !selectable(*way, *other)) return false;
            take_both(block, yes, no);
            choose(block, truths_.condition(block.end), *only_way(first.end),
                   *only_way(second.end));
            return true;
        }
        if (first.end.kind != Terminator::Kind::branch ||
            second.end.kind != Terminator::Kind::branch)
            return false;
        const Way a = way_of(first.end.then), b = way_of(first.end.otherwise);
        const Way c = way_of(second.end.then), d = way_of(second.end.otherwise);
        const bool straight = same(a, c) && same(b, d);
        if (!straight && !(same(a, d) && same(b, c))) return false;
        release(c);
        release(d);
        take_both(block, yes, no);
        const ValueId one = truths_.value(block, truths_.condition(first.end), true);
        const ValueId two = truths_.value(block, truths_.condition(second.end), straight);
        const ValueId chosen = truths_.select(block, truths_.condition(block.end), one, two);
        end_by_test(block, chosen, first.end.then, first.end.otherwise);
        return true;
    }

    void take_both(Block& block, const Edge& yes, const Edge& no) {
        take_values(block, yes);
        take_values(block, no);
        --edges_[yes.target];
        --edges_[no.target];
    }

    Function& function_;
    Truths truths_;
    std::vector<uint32_t> edges_;
    std::vector<uint64_t> proved_;
    mutable std::vector<ValueId> to_;  // by value: what is used instead; find() shortens the way
    bool changed_ = false;
};

}  // namespace

void if_conversion(Function& function) { IfConversion(function).run(); }

}  // namespace vfm::ir
