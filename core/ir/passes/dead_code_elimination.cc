// Values nobody uses, parameters nobody reads and branches that decide nothing go.
//
// First everything is dead but what effects, guards and ends need; so parameters of a loop that
// only feed each other go too. Then one visit in postorder sends edges past empty blocks and turns
// branches with two equal ways into jumps. Their operands may die by that: they stand in blocks
// that dominate this one, which the visit meets later, so whole trees of empty branches fall at
// once, as those of a header walk of which little is asked.
#include <algorithm>

#include "core/ir/form/analysis.h"
#include "core/ir/passes/passes.h"
#include "core/ir/passes/rewrite.h"

namespace vfm::ir {
namespace {

class DeadCodeElimination {
  public:
    DeadCodeElimination(Function& function, Work& work)
        : function_(function),
          work_(work),
          cfg_(work.cfg()),
          scratch_(work.scratch()),
          home_(scratch_.room<BlockId>(function.values.size())),
          index_(scratch_.room<uint32_t>(function.values.size())),
          live_(scratch_.array<uint8_t>(function.values.size())),
          uses_(scratch_.array<uint32_t>(function.values.size())),
          operations_(scratch_.array<uint32_t>(function.blocks.size())),
          open_(scratch_) {}

    Changes run() {
        find_live();
        count();
        for (size_t i = cfg_.order().size(); i-- > 0;) visit(cfg_.order()[i]);
        remove();
        if (changes_.shape) remove_unreachable(function_);
        renumber();
        return changes_;
    }

  private:
    bool is_param(ValueId id) const { return function_[id].op == Op::param; }

    // Calls `body` with each argument that a parameter receives.
    template <class Body>
    void for_each_argument(ValueId param, Body body) {
        const BlockId block = home_[param];
        for (const BlockId pred : cfg_.predecessors(block)) {
            // A block whose two edges lead here stands twice among the predecessors: one is enough.
            if (pred == last_seen_) continue;
            last_seen_ = pred;
            for_each_edge(function_.blocks[pred], [&](const Edge& edge) {
                if (edge.target == block) body(edge.args[index_[param]]);
            });
        }
        last_seen_ = kNone;
    }

    void find_live() {
        const auto mark = [&](ValueId id) {
            if (live_[id]) return;
            live_[id] = true;
            const Value& value = function_[id];
            const OpInfo& info = op_info(value.op);
            if (value.op == Op::param || info.operands > 0 || info.more) open_.push_back(id);
        };
        for (const BlockId id : cfg_.order()) {
            const Block& block = function_.blocks[id];
            for (uint32_t i = 0; i < block.params.size(); ++i) {
                home_[block.params[i]] = id;
                index_[block.params[i]] = i;
            }
            for (const ValueId value : block.body) {
                home_[value] = id;
                const Effect effect = op_info(function_[value].op).effect;
                if (effect == Effect::guard || effect == Effect::effect) mark(value);
            }
            if (block.end.a != kNone) mark(block.end.a);
            if (block.end.b != kNone) mark(block.end.b);
        }
        while (!open_.empty()) {
            const ValueId id = open_.back();
            open_.pop_back();
            if (is_param(id))
                for_each_argument(id, mark);
            else
                for_each_operand(function_[id], mark);
        }
    }

    void count() {
        const auto use = [&](ValueId id) { ++uses_[id]; };
        for (const BlockId id : cfg_.order()) {
            const Block& block = function_.blocks[id];
            for (const ValueId value : block.body) {
                if (!live_[value]) continue;
                ++operations_[id];
                for_each_operand(function_[value], use);
            }
            if (block.end.a != kNone) use(block.end.a);
            if (block.end.b != kNone) use(block.end.b);
            for_each_edge(block, [&](const Edge& edge) { for_each_live_argument(edge, use); });
        }
    }

    template <class Body>
    void for_each_live_argument(const Edge& edge, Body body) {
        const auto& params = function_.blocks[edge.target].params;
        for (size_t i = 0; i < params.size(); ++i)
            if (live_[params[i]]) body(edge.args[i]);
    }

    void visit(BlockId id) {
        Block& block = function_.blocks[id];
        for_each_edge(block, [&](Edge& edge) { pass_empty(edge); });
        if (!is_branch(block.end) || !same_live_way(block.end.then, block.end.otherwise)) return;
        changes_.shape = true;
        const ValueId a = block.end.a, b = block.end.b;
        for_each_live_argument(block.end.otherwise, [&](ValueId arg) { release(arg); });
        block.end = jump_to(std::move(block.end.then), block.end.origin);
        if (a != kNone) release(a);
        if (b != kNone) release(b);
    }

    // The target has been visited before, so its own edge leads to no empty block any more. A block
    // without parameters passes on only what is made in blocks that dominate it, and so this one.
    void pass_empty(Edge& edge) {
        const Block& target = function_.blocks[edge.target];
        if (operations_[edge.target] != 0 || target.end.kind != Terminator::Kind::jump) return;
        for (const ValueId param : target.params)
            if (live_[param]) return;
        if (target.end.then.target == edge.target) return;
        changes_.shape = true;
        edge = target.end.then;
        for_each_live_argument(edge, [&](ValueId arg) { ++uses_[arg]; });
    }

    bool same_live_way(const Edge& a, const Edge& b) const {
        if (a.target != b.target) return false;
        const auto& params = function_.blocks[a.target].params;
        for (size_t i = 0; i < params.size(); ++i)
            if (live_[params[i]] && a.args[i] != b.args[i]) return false;
        return true;
    }

    // One use less; what is then unused and without effect dies, and with it its own uses.
    void release(ValueId first) {
        const auto drop = [&](ValueId id) { open_.push_back(id); };
        drop(first);
        while (!open_.empty()) {
            const ValueId id = open_.back();
            open_.pop_back();
            const Value& value = function_[id];
            const Effect effect = op_info(value.op).effect;
            if (--uses_[id] > 0 || effect == Effect::effect) continue;
            live_[id] = false;
            if (value.op == Op::param) {
                for_each_argument(id, drop);
            } else {
                --operations_[home_[id]];
                for_each_operand(value, drop);
            }
        }
    }

    void remove() {
        size_t params = 0;
        const auto goes = [&](ValueId id) { return !live_[id]; };
        for (Block& block : function_.blocks) {
            params += static_cast<size_t>(std::ranges::count_if(block.params, goes));
            if (erase_if(block.body, goes) > 0) changes_.fewer = true;
        }
        if (params == 0) return;
        changes_.shape = true;
        for (uint8_t& live : live_) live = !live;
        drop_params(function_, live_);
    }

    template <class Body>
    void for_each_place(Body body) {
        for (Block& block : function_.blocks) {
            for (ValueId& id : block.params) body(id);
            for (ValueId& id : block.body) body(id);
        }
    }

    // Values without holes, in the order of the blocks; numbers, which nobody reads as values,
    // last.
    void renumber() {
        const std::span<ValueId> number = scratch_.room<ValueId>(function_.values.size());
        ValueId next = 0;
        bool same = true;
        for (const bool first : {true, false})
            for_each_place([&](ValueId id) {
                const Op op = function_[id].op;
                if ((op_info(op).has_result && op != Op::constant) != first) return;
                same &= id == next;
                number[id] = next++;
            });
        if (same && next == function_.values.size()) return;
        work_.renumbered();
        std::vector<Value> kept(next);
        for_each_place([&](ValueId& id) {
            Value& value = kept[number[id]];
            value = function_[id];
            for_each_operand(value, [&](ValueId& use) { use = number[use]; });
            id = number[id];
        });
        function_.values = std::move(kept);
        for (Block& block : function_.blocks)
            for_each_end_use(block, [&](ValueId& use) { use = number[use]; });
    }

    Function& function_;
    Work& work_;
    const Cfg& cfg_;
    Scratch& scratch_;
    const std::span<BlockId> home_;    // block of a value
    const std::span<uint32_t> index_;  // of a parameter among its block's
    const Marks live_;
    const std::span<uint32_t> uses_;        // of live values by live ones; never too small
    const std::span<uint32_t> operations_;  // live ones in a block's body
    ScratchStack<ValueId> open_;            // values still to be looked at
    Changes changes_;
    BlockId last_seen_ = kNone;
};

}  // namespace

Changes dead_code_elimination(Function& function, Work& work) {
    return DeadCodeElimination(function, work).run();
}

}  // namespace vfm::ir
