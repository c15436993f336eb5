// Guards of the packet's length and branches on it whose condition is known, from what stands on
// every way to them, go. Guards of one block that no effect, no other kind of error and no branch
// separates become the widest: whichever of them fails, the run ends with the same error and has
// done the same.
#include "core/ir/form/analysis.h"
#include "core/ir/form/length_facts.h"
#include "core/ir/passes/passes.h"
#include "core/ir/passes/rewrite.h"

namespace vfm::ir {
namespace {

class BoundsCheckElimination {
  public:
    BoundsCheckElimination(Function& function, Work& work)
        : function_(function),
          cfg_(work.cfg()),
          tree_(work.dominators()),
          facts_(work.scratch()),
          marks_(work.scratch()),
          index_guards_(work.scratch()) {}

    Changes run() {
        walk_tree(
            tree_,
            [&](BlockId id) {
                marks_.push_back(facts_.mark());
                visit(id);
            },
            [&](BlockId) {
                facts_.release(marks_.back());
                marks_.pop_back();
            });
        if (changes_.shape) remove_unreachable(function_);
        return changes_;
    }

  private:
    // A branch that was decided on the way here says nothing new; a way that was cut is not taken,
    // so whatever is done to the blocks behind it is right.
    void visit(BlockId id) {
        const EnteringEdge edge = entering_edge(function_, cfg_, tree_, id);
        if (edge.from != kNone) facts_.learn_branch(function_.blocks[edge.from].end, edge.taken);
        Block& block = function_.blocks[id];
        if (!body(block)) return;
        Terminator& end = block.end;
        const Known known = facts_.branch(end);
        if (known == Known::nothing) return;
        end = jump_to(std::move(known == Known::holds ? end.then : end.otherwise), end.origin);
        changes_.shape = true;
    }

    // False if a guard is known to fail.
    bool body(Block& block) {
        separate();
        size_t kept = 0;
        for (size_t i = 0; i < block.body.size(); ++i) {
            const ValueId id = block.body[i];
            const Value& value = function_[id];
            const Effect effect = op_info(value.op).effect;
            if (effect == Effect::effect || value.op == Op::guard_nonzero) separate();
            if (effect == Effect::guard && value.op != Op::guard_nonzero) {
                const Known known = facts_.guard(value);
                if (known == Known::fails) {
                    end_with_trap(block, kept, ErrorKind::bounds, value.origin);
                    changes_.shape = true;
                    return false;
                }
                if (known == Known::holds || widens_earlier(id)) {
                    changes_.fewer = true;
                    continue;
                }
            }
            block.body[kept++] = id;
        }
        block.body.resize(kept);
        return true;
    }

    // Guards before this place may no longer ask for what is asked for behind it.
    void separate() {
        length_guard_ = kNone;
        index_guards_.clear();
    }

    // True if an earlier guard of the same kind now asks for this one's bytes too. If not, this
    // guard stays and later ones may be joined to it.
    bool widens_earlier(ValueId id) {
        const Value& value = function_[id];
        facts_.learn_guard(value);
        ValueId& earlier = value.op == Op::guard_len ? length_guard_ : index_guard(value.a);
        if (earlier == kNone) {
            earlier = id;
            return false;
        }
        function_[earlier].imm = value.imm;
        return true;
    }

    ValueId& index_guard(ValueId base) {
        for (auto& [of, guard] : index_guards_)
            if (of == base) return guard;
        if (index_guards_.size() == kMaxBases) index_guards_.clear();
        index_guards_.push_back({base, kNone});
        return index_guards_.back().guard;
    }

    struct IndexGuard {
        ValueId base;
        ValueId guard;
    };
    static constexpr size_t kMaxBases = 16;  // whose guards can be joined at one time

    Function& function_;
    const Cfg& cfg_;
    const Dominators& tree_;
    LengthFacts facts_;
    ScratchStack<size_t> marks_;
    Changes changes_;
    // of one block, since the last separation
    ValueId length_guard_ = kNone;
    ScratchStack<IndexGuard> index_guards_;
};

}  // namespace

Changes bounds_check_elimination(Function& function, Work& work) {
    return BoundsCheckElimination(function, work).run();
}

}  // namespace vfm::ir
