// Guards and branches whose condition is known, from what stands on every way to them, go. Guards
// of one block that no effect, no other kind of error and no branch separates become the widest:
// whichever of them fails, the run ends with the same error and has done the same.
#include <unordered_map>

#include "core/ir/analysis.h"
#include "core/ir/arithmetic.h"
#include "core/ir/facts.h"
#include "core/ir/passes.h"
#include "core/ir/rewrite.h"

namespace vfm::ir {
namespace {

class Guards {
  public:
    explicit Guards(Function& function)
        : function_(function), cfg_(function), tree_(function, cfg_), facts_(function) {}

    void run() {
        std::vector<size_t> marks;
        walk_tree(
            tree_,
            [&](BlockId id) {
                marks.push_back(facts_.mark());
                visit(id);
            },
            [&](BlockId) {
                facts_.release(marks.back());
                marks.pop_back();
            });
        remove_unreachable(function_);
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
        const Facts::Known known = facts_.branch(end);
        if (known == Facts::Known::nothing) return;
        end =
            jump_to(std::move(known == Facts::Known::holds ? end.then : end.otherwise), end.origin);
    }

    // False if a guard is known to fail.
    bool body(Block& block) {
        length_guard_ = kNone;
        index_guards_.clear();
        size_t kept = 0;
        for (size_t i = 0; i < block.body.size(); ++i) {
            const ValueId id = block.body[i];
            Value& value = function_[id];
            switch (op_info(value.op).effect) {
                case Effect::pure:
                    comparison(value);
                    break;
                case Effect::state:
                    break;
                case Effect::effect:
                    separate();
                    break;
                case Effect::guard: {
                    const Facts::Known known = facts_.guard(value);
                    if (known == Facts::Known::fails) {
                        end_with_trap(block, kept, error_of(value), value.origin);
                        return false;
                    }
                    if (known == Facts::Known::holds) continue;
                    facts_.learn_guard(value);
                    if (widened(id)) continue;
                    break;
                }
            }
            block.body[kept++] = id;
        }
        block.body.resize(kept);
        return true;
    }

    static ErrorKind error_of(const Value& guard) {
        return guard.op == Op::guard_nonzero ? ErrorKind::division_by_zero : ErrorKind::bounds;
    }

    void comparison(Value& value) {
        const auto wanted = op_comparison(value.op);
        if (!wanted) return;
        const Facts::Known known = facts_.compare(*wanted, value.a, value.b);
        if (known == Facts::Known::nothing) return;
        value = {.op = Op::constant,
                 .imm = known == Facts::Known::holds ? uint64_t{1} : 0,
                 .origin = value.origin};
    }

    // Guards before this place may no longer ask for what is asked for behind it.
    void separate() {
        length_guard_ = kNone;
        index_guards_.clear();
    }

    // True if an earlier guard of the same kind now asks for this one's bytes too. If not, this
    // guard stays and later ones may be joined to it.
    bool widened(ValueId id) {
        const Value& value = function_[id];
        if (value.op == Op::guard_nonzero) {
            separate();
            return false;
        }
        ValueId& earlier = value.op == Op::guard_len
                               ? length_guard_
                               : index_guards_.try_emplace(value.a, kNone).first->second;
        if (earlier == kNone) {
            earlier = id;
            return false;
        }
        function_[earlier].imm = value.imm;
        return true;
    }

    Function& function_;
    const Cfg cfg_;
    const Dominators tree_;
    Facts facts_;
    // of one block, since the last separation
    ValueId length_guard_ = kNone;
    std::unordered_map<ValueId, ValueId> index_guards_;  // by base
};

}  // namespace

void guards(Function& function) { Guards(function).run(); }

}  // namespace vfm::ir
