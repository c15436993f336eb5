#include "userspace/jit/plan/plan.h"

#include <algorithm>
#include <bit>

#include "core/ir/form/analysis.h"
#include "core/ir/form/bounds.h"
#include "userspace/jit/plan/layout.h"

namespace vfm::jit {

using Place = ValuePlan::Place;

namespace {

using ir::BlockId;
using ir::Function;
using ir::kNone;
using ir::Op;
using ir::Terminator;
using ir::Value;
using ir::ValueId;

constexpr unsigned kResult = 0;  // rax
constexpr uint8_t kEverything = incoming_packet | incoming_length | incoming_state;

class Planner {
  public:
    Planner(const Function& function, Plan& plan) : function_(function), plan_(plan) {}

    void run() {
        plan_.values.assign(function_.values.size(), {});
        plan_.made.clear();
        plan_.clobbers.clear();
        plan_.uses_state = plan_.has_calls = plan_.has_fuel = plan_.borrows = false;
        plan_.arguments = 0;
        lay_out(function_, plan_);
        plan_.incoming.resize(plan_.order.size());
        forward();
        for (size_t i = plan_.order.size(); i-- > 0;) backward(i);
    }

  private:
    // ---- forward: positions, widths, uses ----

    void forward() {
        uint32_t position = 0;
        uint32_t calls = 0;
        plan_.start_of.resize(plan_.order.size() + 1);
        plan_.calls_behind.resize(plan_.order.size());
        for (uint32_t i = 0; i < plan_.order.size(); ++i) {
            const BlockId id = plan_.order[i];
            const ir::Block& block = function_.blocks[id];
            plan_.start_of[i] = position;
            position += 2;
            for (const ValueId param : block.params) {
                ValuePlan& plan = plan_[param];
                plan.block = id;
                if (plan_.loop_heads.empty() || !plan_.loop_heads[i])
                    plan.bits = edge_bits_.size() > param ? edge_bits_[param] : 64;
            }
            for (const ValueId value_id : block.body) {
                const Value& value = function_[value_id];
                ValuePlan& plan = plan_[value_id];
                plan.block = id;
                plan.calls = calls;
                const auto bits = [&](ValueId used) -> unsigned {
                    return used == ir::kNone ? 0 : plan_[used].bits;
                };
                plan.bits = static_cast<uint8_t>(
                    ir::result_bits(function_, value, bits(value.a), bits(value.b)));
                ir::for_each_operand(value, [&](ValueId used) { ++plan_[used].uses; });
                if (ir::op_info(value.op).calls) ++calls;
                position += 2;
            }
            ir::for_each_end_use(block, [&](ValueId used) { ++plan_[used].uses; });
            ir::for_each_edge(block, [&](const ir::Edge& edge) {
                const auto& params = function_.blocks[edge.target].params;
                if (params.empty()) return;
                if (edge_bits_.empty()) edge_bits_.assign(function_.values.size(), 0);
                for (size_t k = 0; k < params.size(); ++k)
                    edge_bits_[params[k]] =
                        std::max(edge_bits_[params[k]], plan_[edge.args[k]].bits);
            });
            plan_.calls_behind[i] = calls;
            position += 2;
        }
        plan_.start_of.back() = position;
        plan_.has_calls = calls > 0;
    }

    // ---- backward: places, ends, hints ----

    // The position to which something that is used at `position` in block number i must live, if it
    // was made elsewhere.
    uint32_t reach(uint32_t position, uint32_t i) const {
        if (plan_.stretch.empty() || plan_.stretch[i] == kNone) return position;
        return plan_.start_of[plan_.stretch[i] + 1];
    }

    struct Use {
        uint32_t position = 0;
        uint32_t index = 0;  // of the block in the order
        uint32_t calls = 0;  // before it
        bool fold = false;   // may be made as part of the user, whatever it is
    };

    // A use as an operand of something in a block's body or of its end.
    void use(ValueId id, const Use& at, bool late = false) {
        const Value& value = function_[id];
        if (value.op == Op::constant) return;
        ValuePlan& plan = plan_[id];
        const BlockId block = plan_.order[at.index];
        if (ir::is_load(value.op) || ir::is_loadx(value.op)) needed_ |= incoming_packet;
        if (at.fold && plan.uses == 1 && plan.block == block && plan.calls == at.calls &&
            plan.place == Place::nowhere) {
            plan.place = Place::at_use;
            plan.end = at.position;
            return;
        }
        if (plan.place == Place::nowhere) plan.place = Place::own;
        const uint32_t end =
            (plan.block == block ? at.position : reach(at.position, at.index)) + (late ? 1 : 0);
        plan.end = std::max(plan.end, end);
    }

    // A use by which all of the register is wanted.
    void use_full(ValueId id, const Use& at, bool late = false) {
        plan_[id].full = true;
        use(id, at, late);
    }

    bool is_number(ValueId id) const { return function_[id].op == Op::constant; }
    bool folds_load(ValueId id) const {
        return ir::is_load(function_[id].op) || ir::is_loadx(function_[id].op);
    }

    // The operands of a comparison with flags as its result.
    void use_compared(Comparison comparison, ValueId a, ValueId b, Use at) {
        const bool equality = comparison == Comparison::eq || comparison == Comparison::ne;
        for (const auto& [left, right] : {std::pair(a, b), std::pair(b, a)}) {
            at.fold = folds_load(left);
            // (x & mask) against 0 is a test of its own; a truth value against 0 or 1 needs no more
            // than its low byte.
            if (equality && is_number(right)) {
                if (tests_bits(function_, left, function_[right].imm)) at.fold = true;
                if (plan_[left].bits <= 1 && function_[right].imm <= 1) {
                    use(left, at);
                    continue;
                }
            }
            use_full(left, at);
        }
    }

    void use_edge(const ir::Edge& edge, Use at) {
        const auto& params = function_.blocks[edge.target].params;
        for (size_t k = 0; k < params.size(); ++k) {
            if (plan_[params[k]].uses == 0) continue;
            const ValueId arg = edge.args[k];
            at.fold = ir::is_load(function_[arg].op);
            use_full(arg, at);
            ValuePlan& plan = plan_[arg];
            if (plan.hint == kNoRegister) plan.hint = plan_[params[k]].hint;
            plan.friend_value = params[k];
            plan_[params[k]].friend_value = arg;
        }
    }

    void use_end(const Terminator& end, Use at) {
        switch (end.kind) {
            case Terminator::Kind::jump:
                use_edge(end.then, at);
                break;
            case Terminator::Kind::branch:
                use_edge(end.then, at);
                use_edge(end.otherwise, at);
                use_compared(end.comparison, end.a, end.b, at);
                break;
            case Terminator::Kind::branch_len:
            case Terminator::Kind::branch_index:
                needed_ |= incoming_length;
                use_edge(end.then, at);
                use_edge(end.otherwise, at);
                if (end.a != kNone) use_full(end.a, at);
                break;
            case Terminator::Kind::ret:
                at.fold = folds_load(end.a);
                use_full(end.a, at);
                plan_[end.a].hint = kResult;
                break;
            case Terminator::Kind::trap:
                break;
        }
    }

    void backward(size_t index) {
        const auto i = static_cast<uint32_t>(index);
        const ir::Block& block = function_.blocks[plan_.order[i]];
        Use at{.position = plan_.start_of[i + 1] - 2, .index = i, .calls = plan_.calls_behind[i]};
        needed_ = 0;
        ir::for_each_edge(block, [&](const ir::Edge& edge) {
            const uint32_t to = plan_.place_of[edge.target];
            needed_ |= to > i ? plan_.incoming[to] : uint8_t{kEverything};
        });
        use_end(block.end, at);
        for (size_t k = block.body.size(); k-- > 0;) {
            at.position -= 2;
            at.calls = plan_[block.body[k]].calls;
            operation(block.body[k], at);
        }
        plan_.incoming[i] = needed_;
        for (const ValueId param : block.params) {
            ValuePlan& plan = plan_[param];
            if (plan.place == Place::nowhere) continue;  // nobody uses it
            plan.start = plan_.start_of[i];
            plan_.made.push_back(param);
        }
    }

    // Everything that uses the value has been seen.
    void operation(ValueId id, Use at) {
        const Value& value = function_[id];
        ValuePlan& plan = plan_[id];
        if (value.op == Op::constant) return;
        const ir::Effect effect = ir::op_info(value.op).effect;
        if (plan.place == Place::at_use) {
            // Its operands are used where it is.
            at.position = plan.end;
            const bool truths = ir::op_info(value.op).operands > 1 && plan_[value.a].bits <= 1 &&
                                plan_[value.b].bits <= 1;
            ir::for_each_operand(value, [&](ValueId operand) {
                Use inner = at;
                inner.fold = value.op == Op::and_ && folds_load(operand);
                if (truths)
                    use(operand, inner);
                else
                    use_full(operand, inner);
            });
            return;
        }
        if (plan.place == Place::nowhere && effect == ir::Effect::pure) return;
        if (plan.place == Place::own) {
            plan.start = at.position;
            plan_.made.push_back(id);
        }
        uses_of(id, value, at);
    }

    void uses_of(ValueId id, const Value& value, Use at) {
        ValuePlan& plan = plan_[id];
        const auto folding = [&](ValueId operand) {
            Use folded = at;
            folded.fold = folds_load(operand);
            return folded;
        };
        switch (value.op) {
            case Op::and_:
            case Op::or_:
            case Op::xor_:
                hand_on(id, value.a);
                if (plan.bits <= 1 && plan_[value.a].bits <= 1 && plan_[value.b].bits <= 1) {
                    // One extended operand of `and` extends the result.
                    if (value.op == Op::and_ && plan.full) plan_[value.a].full = true;
                    use(value.a, folding(value.a));
                    use(value.b, folding(value.b));
                    break;
                }
                [[fallthrough]];
            case Op::add:
            case Op::sub:
            case Op::mul:
            case Op::shl:
            case Op::shr:
            case Op::not_:
            case Op::neg:
                hand_on(id, value.a);
                if ((value.op == Op::shl || value.op == Op::shr) && !is_number(value.b))
                    clobber(at.position);
                use_full(value.a, folding(value.a));
                if (value.b != kNone) use_full(value.b, folding(value.b));
                break;
            case Op::div:
            case Op::mod:
                clobber(at.position);
                use_full(value.a, folding(value.a));
                use_full(value.b, folding(value.b));
                break;
            case Op::eq:
                use_compared(Comparison::eq, value.a, value.b, at);
                break;
            case Op::ne:
                use_compared(Comparison::ne, value.a, value.b, at);
                break;
            case Op::gt:
            case Op::lt:
            case Op::ge:
            case Op::le:
                use_compared(Comparison::gt, value.a, value.b, at);
                break;
            case Op::loadx:
            case Op::loadx_raw:
                use_full(value.a, folding(value.a));
                break;
            case Op::in_set:
            case Op::in_rows:
                // The result serves as a pointer to keys or rows first. All operands have to be in
                // registers, numbers too.
                ir::for_each_operand(value, [&](ValueId operand) {
                    use_full(operand, at, true);
                    plan_.borrows |= is_number(operand);
                });
                break;
            case Op::member:
            case Op::member128:
            case Op::match:
                clobber(at.position);
                if (names_live_set(function_, value)) use_state();
                use_arguments(id, value, at);
                break;
            case Op::verdict:
                use_full(value.a, folding(value.a));
                break;
            case Op::count:
                use_state();
                needed_ |= incoming_length;
                use_full(value.a, folding(value.a));
                break;
            case Op::now:
                use_state();
                break;
            case Op::len:
            case Op::guard_len:
                needed_ |= incoming_length;
                break;
            case Op::guard_index:
                needed_ |= incoming_length;
                use_full(value.a, folding(value.a));
                break;
            case Op::guard_nonzero:
                at.fold = folds_load(value.a);
                use_full(value.a, at);
                break;
            case Op::flow_get:
            case Op::flow_set:
            case Op::flow_add:
            case Op::rand:
            case Op::call:
                clobber(at.position);
                use_state();
                use_arguments(id, value, at);
                break;
            case Op::fuel:
                plan_.has_fuel = true;
                break;
            case Op::constant:
            case Op::param:
            case Op::load:
            case Op::load_raw:
            case Op::extensions:
            case Op::vlan_present:
            case Op::vlan_tag:
                break;
        }
    }

    // The operands of a call: further ones stand in memory, behind the first of a key.
    void use_arguments(ValueId id, const Value& value, Use at) {
        if (plan_[id].hint == kNoRegister) plan_[id].hint = kResult;
        ir::for_each_operand(value, [&](ValueId operand) {
            at.fold = folds_load(operand);
            use_full(operand, at);
        });
        const size_t words = value.more.empty() ? 0 : 1 + value.more.size();
        plan_.arguments = std::max(plan_.arguments, static_cast<uint32_t>(words));
    }

    void use_state() {
        plan_.uses_state = true;
        needed_ |= incoming_state;
    }

    // The result of a two-address instruction best stands where its first operand was.
    void hand_on(ValueId id, ValueId operand) {
        ValuePlan& plan = plan_[operand];
        if (plan.hint == kNoRegister) plan.hint = plan_[id].hint;
        plan_[id].friend_value = operand;
    }

    void clobber(uint32_t position) { plan_.clobbers.push_back({position, 0, needed_}); }

    const Function& function_;
    Plan& plan_;
    uint8_t needed_ = 0;              // of Incoming, behind what the backward walk has come to
    std::vector<uint8_t> edge_bits_;  // by parameter: the widest argument so far
};

}  // namespace

bool tests_bits(const Function& function, ValueId id, uint64_t number) {
    const Value& value = function[id];
    if (value.op != Op::and_) return false;
    if (number == 0) return true;
    const auto is_mask = [&](ValueId operand) {
        return function[operand].op == Op::constant && function[operand].imm == number;
    };
    return std::has_single_bit(number) && (is_mask(value.a) || is_mask(value.b));
}

bool is_low_byte(const Function& function, const Plan& plan, ValueId id) {
    const Value& value = function[id];
    if (plan[id].full) return false;
    if (makes_truth(value.op)) return true;
    return (value.op == Op::and_ || value.op == Op::or_ || value.op == Op::xor_) &&
           plan[value.a].bits <= 1 && plan[value.b].bits <= 1;
}

bool names_live_set(const Function& function, const Value& value) {
    const bool membership = value.op == Op::member || value.op == Op::member128;
    return membership && function.program->module().sets[value.imm].live;
}

void make_plan(const Function& function, Plan& plan) { Planner(function, plan).run(); }

}  // namespace vfm::jit
