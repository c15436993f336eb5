// A branch on `and` or `or` of truth values becomes a branch on each of them: a truth value that is
// only tested need not be made, and a kernel's verifier follows each way with what was tested, not
// with a bit that says it. Only values with no other use are taken apart, so the function grows by
// at most one block for each of them.
#include <algorithm>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/passes/passes.h"

namespace vfm::ir {
namespace {

class BranchSplitting {
  public:
    BranchSplitting(Function& function, Work& work) : function_(function), work_(work) {}

    Changes run() {
        if (!std::ranges::any_of(function_.blocks,
                                 [&](const Block& block) { return is_candidate(block.end); }))
            return {};
        bounds_ = work_.bounds();
        uses_ = work_.scratch().array<uint32_t>(function_.values.size());
        const auto use = [&](ValueId id) { ++uses_[id]; };
        for (const Block& block : function_.blocks) {
            for (const ValueId id : block.body) for_each_operand(function_[id], use);
            for_each_end_use(block, use);
        }
        const size_t before = function_.blocks.size();
        // Blocks that are added stand behind and are visited in their turn.
        for (BlockId id = 0; id < function_.blocks.size(); ++id)
            while (split(id)) {
            }
        if (function_.blocks.size() == before) return {};
        remove_unreachable(function_);
        return {.values = true, .shape = true};
    }

  private:
    bool is_number(ValueId id, uint64_t number) const {
        return function_[id].op == Op::constant && function_[id].imm == number;
    }

    // True for a test of an `and` or `or` for 0.
    bool is_candidate(const Terminator& end) const {
        const bool equality = end.comparison == Comparison::eq || end.comparison == Comparison::ne;
        if (end.kind != Terminator::Kind::branch || !equality || !is_number(end.b, 0)) return false;
        const Op op = function_[end.a].op;
        return op == Op::and_ || op == Op::or_;
    }

    // Takes the value that a block ends by testing for 0 apart, if it can.
    bool split(BlockId id) {
        if (!is_candidate(function_.blocks[id].end)) return false;
        const Terminator end = function_.blocks[id].end;
        const Value& tested = function_[end.a];
        const bool both = tested.op == Op::and_;
        if (uses_[end.a] != 1) return false;
        if (bounds_[tested.a] > 1 || bounds_[tested.b] > 1) return false;
        const bool not_zero = end.comparison == Comparison::ne;

        const Edge& yes = not_zero ? end.then : end.otherwise;
        const Edge& no = not_zero ? end.otherwise : end.then;
        const auto second = static_cast<BlockId>(function_.blocks.size());
        Terminator first{.kind = Terminator::Kind::branch,
                         .comparison = Comparison::ne,
                         .a = tested.a,
                         .b = end.b,
                         .origin = end.origin};
        Terminator last = first;
        last.a = tested.b;
        first.then = both ? Edge{second, {}} : yes;
        first.otherwise = both ? no : Edge{second, {}};
        last.then = yes;
        last.otherwise = no;
        function_.blocks[id].end = std::move(first);
        function_.blocks.emplace_back().end = std::move(last);
        return true;
    }

    Function& function_;
    Work& work_;
    std::span<const uint64_t> bounds_;
    std::span<uint32_t> uses_;
};

}  // namespace

Changes branch_splitting(Function& function, Work& work) {
    return BranchSplitting(function, work).run();
}

}  // namespace vfm::ir
