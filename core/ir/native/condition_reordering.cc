// A cheap test goes before a dear one. Where both must hold, and neither has an effect or can fail,
// their order does not show in the result: most packets then never meet the dear one, a lookup in a
// large set or a long list of rules, and if_conversion has the cheap ones side by side.
//   A: dear ? B : X    B: cheap ? Y : X    ->    A: cheap ? B : X    B: dear ? Y : X
// where B may also return the cheap test, and X the number that this comes to.
#include <algorithm>
#include <utility>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/native/native_passes.h"
#include "core/ir/native/speculation.h"
#include "core/ir/passes/equivalence.h"

namespace vfm::ir {
namespace {

constexpr size_t kDearSet = 32;   // keys; smaller sets are a few instructions
constexpr size_t kDearRows = 16;  // rows
constexpr size_t kMaxTest = 16;   // operations of a cheap test

class ConditionReordering {
  public:
    explicit ConditionReordering(Function& function) : function_(function) {}

    void run() {
        if (std::ranges::none_of(function_.blocks,
                                 [&](const Block& block) { return is_dear(block); }))
            return;
        edges_ = count_edges(function_);
        uses_ = count_uses(function_);
        proved_ = proved_lengths(function_);
        // A test moves on as long as there is a cheaper one behind it.
        for (auto id = static_cast<BlockId>(function_.blocks.size()); id-- > 0;)
            for (BlockId at = id; at != kNone;) at = swap(at);
    }

  private:
    bool is_dear(const Block& block) const {
        const Terminator& end = block.end;
        const bool equality = end.comparison == Comparison::eq || end.comparison == Comparison::ne;
        if (end.kind != Terminator::Kind::branch || !equality || !is_number(function_, end.b))
            return false;
        const Value& tested = function_[end.a];
        if (tested.op == Op::member || tested.op == Op::member128) return true;
        if (tested.op == Op::in_set) return function_.sets[tested.imm].size() > kDearSet;
        return tested.op == Op::in_rows && function_.rows[tested.imm].size() > kDearRows;
    }

    bool is_cheap(const Block& block, uint64_t length) const {
        if (!block.params.empty() || block.body.size() > kMaxTest) return false;
        return std::ranges::all_of(block.body,
                                   [&](ValueId id) { return speculatable(function_[id], length); });
    }

    // Exchanges the test of a block with that of the next one; returns where the dear test is now,
    // or kNone if nothing was done.
    BlockId swap(BlockId id) {
        Block& block = function_.blocks[id];
        if (!is_dear(block) || uses_[block.end.a] != 1) return kNone;
        const auto made = std::ranges::find(block.body, block.end.a);
        if (made == block.body.end()) return kNone;
        const ValueId subject = function_[block.end.a].a;
        for (const bool side : {true, false}) {
            const Edge& on = side ? block.end.then : block.end.otherwise;
            const Edge& out = side ? block.end.otherwise : block.end.then;
            const BlockId next_id = on.target;
            Block& next = function_.blocks[next_id];
            if (edges_[next_id] != 1 || next_id == id || !is_cheap(next, proved_[id])) continue;
            if (tests(next, subject)) continue;
            if (is_number(function_, block.end.b, 0)) {
                const bool both = side == (block.end.comparison == Comparison::ne);
                if (returns_test(next, out, both)) {
                    return_dear(block, next, on, out, both);
                    return kNone;
                }
            }
            if (next.end.kind != Terminator::Kind::branch || is_dear(next)) continue;
            const bool first = same_outcome(function_, next.end.then, out);
            if (!first && !same_outcome(function_, next.end.otherwise, out)) continue;
            exchange(block, next, next_id, side, !first);
            return next_id;
        }
        return kNone;
    }

    // `side`: by which edge `block` leads to `next`; `passes`: by which edge `next` leads on.
    void exchange(Block& block, Block& next, BlockId next_id, bool side, bool passes) {
        take_body(block, next, block.end.a);
        Terminator cheap = std::move(next.end), lookup = std::move(block.end);
        Edge on = passes ? std::move(cheap.then) : std::move(cheap.otherwise);
        Edge out = passes ? std::move(cheap.otherwise) : std::move(cheap.then);
        Edge other = side ? std::move(lookup.otherwise) : std::move(lookup.then);
        (passes ? cheap.then : cheap.otherwise) = {next_id, {}};
        (passes ? cheap.otherwise : cheap.then) = std::move(other);
        (side ? lookup.then : lookup.otherwise) = std::move(on);
        (side ? lookup.otherwise : lookup.then) = std::move(out);
        block.end = std::move(cheap);
        next.end = std::move(lookup);
    }

    // A test of the value that the dear one looks up becomes a part of the lookup.
    bool tests(const Block& block, ValueId subject) const {
        const bool returns = block.end.kind == Terminator::Kind::ret;
        const ValueId tested = returns ? function_[block.end.a].a : block.end.a;
        return tested != kNone && same_value(function_, tested, subject);
    }

    // True if a block returns a truth value where the other way is to return 0 in an `and`, or 1 in
    // an `or`.
    bool returns_test(const Block& block, const Edge& out, bool both) const {
        const Block& exit = function_.blocks[out.target];
        if (block.end.kind != Terminator::Kind::ret || !op_comparison(function_[block.end.a].op))
            return false;
        return exit.body.empty() && exit.end.kind == Terminator::Kind::ret &&
               is_number(function_, exit.end.a, both ? 0 : 1);
    }

    void return_dear(Block& block, Block& next, Edge on, Edge out, bool both) {
        const ValueId dear = block.end.a;
        take_body(block, next, dear);
        block.end.comparison = Comparison::ne;
        block.end.a = std::exchange(next.end.a, dear);
        block.end.then = std::move(both ? on : out);
        block.end.otherwise = std::move(both ? out : on);
    }

    void take_body(Block& block, Block& next, ValueId dear) {
        block.body.erase(std::ranges::find(block.body, dear));
        block.body.insert(block.body.end(), next.body.begin(), next.body.end());
        next.body.clear();
        next.body.push_back(dear);
    }

    Function& function_;
    std::vector<uint32_t> edges_, uses_;
    std::vector<uint64_t> proved_;
};

}  // namespace

void condition_reordering(Function& function) { ConditionReordering(function).run(); }

}  // namespace vfm::ir
