#include "bpfgen/lower.h"

#include <optional>
#include <ranges>

#include "bpfgen/far_ways.h"
#include "bpfgen/jump_threading.h"
#include "bpfgen/lower_extensions.h"
#include "bpfgen/lower_live_set.h"
#include "bpfgen/lower_lookup.h"
#include "bpfgen/lower_rounds.h"
#include "bpfgen/lower_tables.h"
#include "bpfgen/lower_values.h"
#include "bpfgen/questions.h"
#include "bpfgen/rare_matches.h"
#include "bpfgen/trunk.h"
#include "core/base/check.h"
#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/isa/limits.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Edge;
using ir::Op;
using ir::Terminator;
using ir::Value;
using ir::ValueId;

class Lowerer {
  public:
    Lowerer(const Lowering& lowering, AccessKind access)
        : l_(lowering),
          f_(lowering.function),
          b_(out_, lowering.emitter),
          v_(b_, f_, lowering.values),
          tests_(count_tests(f_, lowering.certain_fuel)),
          around_(tests_ > kManyTests || (l_.heads.any() && l_.loops == LoopForm::bounded)),
          trunk_(find_trunk(f_, l_.cfg, l_.layout, tests_)),
          rounds_(l_.rounds, f_, b_, v_),
          fuel_base_(rounds_.any() ? kScratchBase : kFrame),
          fuel_at_(rounds_.any() ? scratch_offset(kRoundFuelSlot) : kFuelSlot),
          direct_(access == AccessKind::direct),
          far_(b_, access == AccessKind::direct ? lowering.far : std::nullopt),
          access_(make_access(
              access, {b_, lowering.hook, *lowering.exits, lowering.values, lowering.dominators,
                       around_, lowering.few_pointers, lowering.len, lowering.reach, far_})),
          labels_(f_.blocks.size()),
          in_keys_(made_into_keys(f_, l_.cfg)),
          entering_(f_.values.size(), kNoReg),
          asked_(asked_by_ends(f_)),
          rare_matches_(rare_matches(f_, l_.cfg)),
          tables_(f_, l_.exchanges, l_.maps, l_.shared, b_, v_),
          left_(f_.blocks.size()) {}

    MFunction run() {
        for (const auto& [seen, again] : l_.attempts.again_of) attempted_[again.get] = {};
        for (const BlockId block : l_.layout.order()) {
            labels_[block] = b_.label();
            // Which block of a loop it takes for the first, the verifier sees in its own order.
            if (l_.heads.any()) l_.emitter.keep_jumps(labels_[block]);
            if (Attempted* const attempt = attempt_at(block)) *attempt = {block, b_.fresh()};
            for (const ValueId param : f_.blocks[block].params) {
                entering_[param] = b_.fresh();
                if (!is_hidden(block, param)) v_.set(param, entering_[param]);
            }
        }
        for (size_t i = 0; i < l_.layout.order().size(); ++i) {
            const BlockId id = l_.layout.order()[i];
            const Block& block = f_.blocks[id];
            current_ = id;
            std::vector<VReg> params;
            for (const ValueId param : block.params) params.push_back(entering_[param]);
            if (const Attempted* const attempt = attempt_at(id)) params.push_back(attempt->before);
            b_.origin(block.body.empty() ? block.end.origin : f_[block.body.front()].origin);
            if (rounds_.is_head(id)) params.clear();
            b_.bind(labels_[id], std::move(params));
            b_.contents(contents_at(id));
            if (rounds_.any() && id == 0) rounds_.dispatch(labels_);
            if (rounds_.is_head(id)) {
                continue_round(id);
            } else {
                if (l_.heads.at[id]) begin_round();
                for (const ValueId param : block.params)
                    if (is_hidden(id, param)) v_.set(param, b_.blurred(entering_[param]));
            }
            for (const ValueId value : block.body) {
                b_.origin(f_[value].origin);
                operation(value);
            }
            b_.origin(block.end.origin);
            // The key stands in the frame for all attempts.
            const BlockId next = block.end.then.target;
            if (block.end.kind == Terminator::Kind::jump && attempt_at(next))
                tables_.write_key(f_.blocks[next].body.front());
            left_[id] = b_.contents();
            end(block, i);
        }
        tables_.finish();
        far_.emit();
        return std::move(out_);
    }

  private:
    // What all ways to a block leave in the frame; of those along a loop nothing is known yet.
    FrameContents contents_at(BlockId block) const {
        std::optional<FrameContents> known;
        if (rounds_.is_head(block)) return {};
        for (const BlockId before : l_.cfg.predecessors(block)) {
            if (!left_[before]) return {};
            if (known)
                known->meet(*left_[before]);
            else
                known = left_[before];
        }
        return known.value_or(FrameContents());
    }

    // Whether a rule table's key is in the packet is a number on each way. What each of them is,
    // the verifier would follow along all ways through all keys, twice as many with each key.
    // What a loop carries round would be another number to it each time.
    bool is_hidden(BlockId block, ValueId param) const {
        return l_.heads.at[block] || (in_keys_[param] && l_.values.is_number_somewhere(param));
    }

    // Here the kernel's verifier sees that a loop ends. The fuel ends it before.
    void begin_round() {
        const Label limit = l_.exits->error(ErrorKind::limit);
        if (l_.loops == LoopForm::may_goto) {
            b_.may_goto(limit);
            return;
        }
        b_.load_to(0, 8, kFrame, kLoopSlot);
        b_.leave({.code = BPF_JEQ, .a = 0, .imm = 0}, limit, true);
        b_.add_imm_to(0, ~uint64_t{0});
        b_.store(8, kFrame, kLoopSlot, 0);
    }

    void continue_round(BlockId head) {
        rounds_.begin(head);
        // For the verifier, which has not seen what was tested in earlier rounds.
        if (direct_ && rounds_.length(head) > 0)
            leave_without_bytes(access_->has(rounds_.length(head)).negated());
    }

    // ---- operations --------------------------------------------------------------------------

    void leave(const Condition& condition, ErrorKind error) {
        b_.leave(condition, l_.exits->error(error), around_);
    }

    void leave_without_bytes(const Condition& missing) {
        const Label exit = l_.exits->error(ErrorKind::bounds);
        b_.leave(missing, far_.any() ? far_.before(exit) : exit, around_);
    }

    void guard_index(const Value& value) {
        const auto base = access_->base(value.a, v_.read(value.a), value.imm);
        if (base.beyond) leave(*base.beyond, ErrorKind::bounds);
        leave_without_bytes(access_->covers(value.a, base.reg, value.imm, current_).negated());
    }

    // Of bytes as the machine loads them, the value that the operation wants.
    VReg in_order(const Value& value, VReg raw) {
        const bool turned = ir::op_info(value.op).kind == ir::OpKind::load && value.size > 1;
        return turned ? b_.to_be(raw, value.size) : raw;
    }

    void operation(ValueId id) {
        if (asked_[id] && !live_set(f_[id])) return;
        const auto result = v_.operation(id);
        v_.set(id, result ? *result : other_operation(id));
    }

    VReg other_operation(ValueId id) {
        const Value& value = f_[id];
        switch (value.op) {
            case Op::len:
                return access_->len();
            case Op::load:
            case Op::load_raw:
                return in_order(value, access_->load(value.imm, value.size));
            case Op::loadx:
            case Op::loadx_raw:
                return in_order(value, access_->load_at(value.a, v_.read(value.a), value.imm,
                                                        value.size, current_));
            case Op::vlan_present:
                return b_.load(4, kContext, l_.hook.vlan_present);
            case Op::vlan_tag:
                return b_.load(4, kContext, l_.hook.vlan_tag);
            case Op::extensions:
                return walk_extensions(b_, *access_, v_.read(value.a), v_.read(value.b));
            case Op::now:
                if (l_.clock_in_slot) return b_.load(8, kFrame, kClockSlot);
                tables_.write_key_ahead(f_.blocks[current_].body, id);
                b_.call(BPF_FUNC_ktime_get_ns);
                return b_.mov(0);
            case Op::guard_len:
                if (value.imm > 0) leave_without_bytes(access_->has(value.imm).negated());
                return kNoReg;
            case Op::guard_index:
                guard_index(value);
                return kNoReg;
            case Op::guard_nonzero:
                if (!v_.is_number(value.a)) {
                    leave({.code = BPF_JEQ, .a = v_.tested(value.a), .imm = 0},
                          ErrorKind::division_by_zero);
                }
                return kNoReg;
            case Op::flow_get:
            case Op::flow_set:
            case Op::flow_add:
                return tables_.operation(id);
            case Op::rand:
                b_.call(BPF_FUNC_get_prandom_u32);
                return b_.mov(0);
            case Op::member:
            case Op::member128:
                if (const auto* live = live_set(value))
                    return in_map(value, *live, key_words(value));
                return is_member(b_, set_of(value), key_words(value));
            case Op::in_set:
                return is_member(b_, set_of(value), key_words(value));
            case Op::in_rows:
                return holds_one(b_, l_.tables.rule_list(id), word(value.a), word(value.b));
            case Op::match: {
                std::vector<Word> operands;
                for (const ValueId operand : value.more) operands.push_back(word(operand));
                const RowQuestion question = {.table = value.imm,
                                              .operands = operands,
                                              .present = certain_bits(f_, value.more.back()),
                                              .rare = rare_matches_.contains(id)};
                return match_rules(b_, l_.tables.rows(value.imm), question, l_.row_calls);
            }
            case Op::verdict:
                return verdict_of(b_, l_.tables.verdicts(value.imm), word(value.a));
            case Op::count:
                count(value);
                return kNoReg;
            case Op::fuel:
                take_fuel(value.imm, l_.certain_fuel[id]);
                return kNoReg;
            case Op::constant:
            case Op::param:
            case Op::add:
            case Op::sub:
            case Op::mul:
            case Op::div:
            case Op::mod:
            case Op::and_:
            case Op::or_:
            case Op::xor_:
            case Op::shl:
            case Op::shr:
            case Op::not_:
            case Op::neg:
            case Op::eq:
            case Op::ne:
            case Op::gt:
            case Op::lt:
            case Op::ge:
            case Op::le:
                return kNoReg;  // ValueLowering has them
            case Op::call:
                VFM_CHECK(false, "CALL is refused");
        }
        return kNoReg;
    }

    const SetDecl* live_set(const Value& value) const {
        if (value.op != Op::member && value.op != Op::member128) return nullptr;
        const SetDecl& set = f_.program->module().sets[value.imm];
        return set.live ? &set : nullptr;
    }
    VReg in_map(const Value& value, const SetDecl& set, std::span<const Word> key) {
        return is_in_live_set(b_, l_.maps.live_set(static_cast<uint32_t>(value.imm)), set.width,
                              key);
    }

    const SetTable& set_of(const Value& value) const {
        if (value.op == Op::in_set) return l_.tables.keys(value.imm);
        return value.op == Op::member ? l_.tables.set(value.imm) : l_.tables.wide_set(value.imm);
    }
    std::vector<Word> key_words(const Value& value) {
        if (value.op == Op::member128) return {word(value.a), word(value.b)};
        return {word(value.a)};
    }

    // What becomes an index.
    Word word(ValueId value) {
        const VReg reg = v_.read(value);
        const bool merged = l_.values.is_merged(value);
        return {merged ? b_.blurred(reg, l_.values.provable_bits(value)) : reg,
                l_.values.bits(value)};
    }

    std::optional<DecisionPlace> decision_place(uint32_t group) const {
        if (!l_.decision) return std::nullopt;
        DecisionPlace place{.offset = static_cast<int16_t>(*l_.decision)};
        for (const CounterGroup& before :
             std::span(f_.program->module().counter_groups).first(group))
            place.before += before.counters.size();
        return place;
    }

    void count(const Value& value) {
        const auto group = static_cast<uint32_t>(value.imm);
        const uint64_t size = f_.program->module().counter_groups[group].counters.size();
        const bool known = v_.is_number(value.a);
        if (size == 0 || (known && f_[value.a].imm >= size)) return;
        const Counter counter = known ? Counter(f_[value.a].imm) : Counter(word(value.a));
        CounterPlace place;
        if (const auto offset = l_.maps.counters_in_stats(group)) {
            place.offset = *offset;
        } else {
            place.map = l_.maps.counters(group);
        }
        count_packet(b_, place, size, counter, *access_, decision_place(group));
    }

    void take_fuel(uint64_t amount, bool certain) {
        b_.load_to(0, 8, fuel_base_, fuel_at_);
        if (!certain) leave({.code = BPF_JLT, .a = 0, .imm = amount}, ErrorKind::limit);
        b_.add_imm_to(0, 0 - amount);
        b_.store(8, fuel_base_, fuel_at_, VReg{0});
    }

    // ---- ends of blocks ----------------------------------------------------------------------

    void end(const Block& block, size_t index) {
        const Terminator& end = block.end;
        switch (end.kind) {
            case Terminator::Kind::jump:
                go(end.then);
                return;
            case Terminator::Kind::ret:
                ret(end.a);
                return;
            case Terminator::Kind::trap:
                b_.jump(l_.exits->error(end.error));
                return;
            case Terminator::Kind::branch:
                if (const Attempts::Again* const again = l_.attempts.find(end.a))
                    end_attempt(end, *again);
                else
                    branch(block, index);
                return;
            case Terminator::Kind::branch_len:
                two_ways(block, index, access_->has(end.imm));
                return;
            case Terminator::Kind::branch_index: {
                const auto base = access_->base(end.a, v_.read(end.a), end.imm);
                const bool sole = l_.cfg.predecessors(end.then.target).size() == 1;
                two_ways(block, index, base.beyond, [&] {
                    return access_->covers(end.a, base.reg, end.imm,
                                           sole ? end.then.target : ir::kNone);
                });
                return;
            }
        }
    }

    void branch(const Block& block, size_t index) {
        const Terminator& end = block.end;
        const Value& tested = f_[end.a];
        const bool rows = tested.op == Op::in_rows && asked_[end.a];
        const RuleList* const list = rows ? &l_.tables.rule_list(end.a) : nullptr;
        if (list == nullptr || !list->all_ports || end.comparison != Comparison::ne) {
            two_ways(block, index, branch_condition(end));
            return;
        }
        const Word a = word(tested.a), b = word(tested.b);
        const VReg port_class = class_of_port(b_, *list, a, b);
        two_ways(block, index, Condition{.code = BPF_JEQ, .a = port_class, .imm = kNoClass}, [&] {
            const VReg holds = holds_one_of(b_, *list, port_class, a, b);
            return Condition{.code = BPF_JNE, .a = holds, .imm = 0};
        });
    }

    Condition question(ValueId id) {
        const Value& value = f_[id];
        if (value.op == Op::in_rows) {
            const VReg holds = holds_one(b_, l_.tables.rule_list(id), word(value.a), word(value.b));
            return {.code = BPF_JNE, .a = holds, .imm = 0};
        }
        return is_one_of(b_, set_of(value), key_words(value));
    }

    // The comparison itself if all that is tested is a comparison's number.
    Condition branch_condition(const Terminator& end) {
        if (asked_[end.a] && !live_set(f_[end.a])) {
            const Condition yes = question(end.a);
            return end.comparison == Comparison::ne ? yes : yes.negated();
        }
        if (v_.is_number(end.b) && f_[end.b].imm == 0 &&
            (end.comparison == Comparison::ne || end.comparison == Comparison::eq)) {
            if (const auto inner = ir::op_comparison(f_[end.a].op)) {
                const Comparison comparison =
                    end.comparison == Comparison::ne ? *inner : negate(*inner);
                return v_.condition(comparison, f_[end.a].a, f_[end.a].b);
            }
        }
        return v_.condition(end.comparison, end.a, end.b);
    }

    void two_ways(const Block& block, size_t index, const Condition& to_then) {
        two_ways(block, index, std::nullopt, [&] { return to_then; });
    }

    // To `then` if not `first_fails` and to_then(). The way that ends sooner falls through.
    template <class MakeCondition>
    void two_ways(const Block& block, size_t index, std::optional<Condition> first_fails,
                  MakeCondition to_then) {
        const bool then_sooner = l_.layout.then_is_sooner(block);
        const Edge& soon = l_.layout.soon(block);
        const Edge& late = l_.layout.late(block);
        const bool tests_length = block.end.kind == Terminator::Kind::branch_len ||
                                  block.end.kind == Terminator::Kind::branch_index;
        const Edge* const asks = far_.any() && tests_length ? &block.end.otherwise : nullptr;
        const bool one_target = soon.target == late.target;
        if (!asks && !first_fails && one_target && !rounds_.leaves(late) &&
            l_.layout.follows(index, soon.target))
            return choose(block.end, to_then());

        // No jump is taken to what goes on, where the verifier's time allows it.
        const bool falls = l_.layout.follows(index, late.target);
        const std::optional<Label> aside = falls ? label_aside(soon) : std::nullopt;
        if (aside && !(first_fails && then_sooner)) {
            const Label soon_label = asks == &soon ? far_.before(*aside, moves(soon)) : *aside;
            const std::vector<Move> soon_moves = asks == &soon ? std::vector<Move>{} : moves(soon);
            if (first_fails) b_.branch(*first_fails, soon_label, soon_moves);
            const Condition condition = to_then();
            b_.branch(then_sooner ? condition : condition.negated(), soon_label, soon_moves);
            if (asks == &late) far_.here();
            go(late);
            return;
        }
        // Inline if it has no label, or if it would fall through were it not for the soon way.
        const std::optional<Label> exit =
            l_.careful || !is_bare_end(f_, late.target) ? std::nullopt : label_aside(late);
        const bool late_inline = rounds_.leaves(late) || (is_bare_end(f_, late.target) && !exit) ||
                                 (falls && !l_.layout.follows(index, soon.target));
        const Label late_target = exit ? *exit : late_inline ? b_.label() : labels_[late.target];
        const bool asks_aside = asks == &late && !late_inline;
        const Label late_label = asks_aside ? far_.before(late_target, moves(late)) : late_target;
        std::vector<Move> late_moves =
            late_inline || asks_aside ? std::vector<Move>{} : moves(late);
        const Label soon_label = b_.label();
        if (first_fails) {
            if (then_sooner) {
                b_.branch(*first_fails, late_label, late_moves);
            } else {
                b_.branch(*first_fails, soon_label);
            }
        }
        const Condition condition = to_then();
        b_.branch(then_sooner ? condition.negated() : condition, late_label, std::move(late_moves));
        if (first_fails && !then_sooner) b_.bind(soon_label);
        if (asks == &soon) far_.here();
        go(soon);
        if (late_inline) {
            b_.bind(late_label);
            if (asks == &late) far_.here();
            go(late);
        }
    }

    // An attempt that is made again if it was in vain.
    struct Attempted {
        BlockId begin = ir::kNone;
        VReg before = kNoReg;  // attempts before this one
    };
    Attempted* attempt_at(BlockId id) {
        const ir::IdList& body = f_.blocks[id].body;
        const auto at = body.empty() ? attempted_.end() : attempted_.find(body.front());
        return at == attempted_.end() ? nullptr : &at->second;
    }

    void end_attempt(const Terminator& end, const Attempts::Again& again) {
        const bool equal = end.comparison == Comparison::eq;
        const Edge& made = equal ? end.then : end.otherwise;
        const Edge& lost = equal ? end.otherwise : end.then;
        const Condition is_made = v_.condition(Comparison::eq, end.a, end.b);
        const Label retry = b_.label();
        if (const auto aside = label_aside(made)) {
            b_.branch(is_made, *aside, moves(made));
            b_.jump(retry);
        } else {
            b_.branch(is_made.negated(), retry);
            go(made);
        }
        const Attempted attempt = attempted_.at(again.get);
        const uint64_t last = again.rounds - 1;
        tables_.later(retry, [=, this, &lost] {
            const Label out = b_.label();
            b_.branch({.code = BPF_JEQ, .a = attempt.before, .imm = last}, out);
            const VReg more = b_.alu_imm(BPF_ADD, attempt.before, 1);
            b_.jump(labels_[attempt.begin], {{.dst = attempt.before, .src = more}});
            b_.bind(out);
            go(lost);
        });
    }

    // Both ways lead to the block that follows. The one with more numbers is left for later: the
    // verifier then has gone on with every value before it comes with one that it knows.
    void choose(const Terminator& end, const Condition& to_then) {
        const auto numbers = [&](const Edge& edge) {
            return std::ranges::count_if(edge.args, [&](ValueId v) { return v_.is_number(v); });
        };
        const bool then_later = numbers(end.then) > numbers(end.otherwise);
        const Edge& later = then_later ? end.then : end.otherwise;
        b_.branch(then_later ? to_then : to_then.negated(), labels_[later.target], moves(later));
        go(then_later ? end.otherwise : end.then);
    }

    std::vector<Move> moves(const Edge& edge) {
        std::vector<Move> list;
        if (rounds_.leaves(edge)) return list;
        if (const Attempted* const attempt = attempt_at(edge.target)) {
            // The kernel's verifier must see that the rounds end.
            b_.keep_known(attempt->before);
            list.push_back({.dst = attempt->before, .imm = 0});
        }
        const auto& params = f_.blocks[edge.target].params;
        for (size_t i = 0; i < params.size(); ++i) {
            const Value& arg = f_[edge.args[i]];
            if (arg.op == Op::constant) {
                list.push_back({.dst = entering_[params[i]], .imm = arg.imm});
            } else {
                list.push_back({.dst = entering_[params[i]], .src = v_.reg(edge.args[i])});
            }
        }
        return list;
    }

    // Where a jump along an edge goes, if that is all there is to it and the verifier may have it
    // pending. Code of its own that is left for later is met last by the way of which the verifier
    // knows least, and gone through once more for each way of which it knew more.
    std::optional<Label> label_aside(const Edge& edge) const {
        if (around_ || rounds_.leaves(edge)) return std::nullopt;
        const Terminator& end = f_.blocks[edge.target].end;
        if (!is_bare_end(f_, edge.target))
            return !l_.careful || trunk_[current_] ? std::optional(labels_[edge.target])
                                                   : std::nullopt;
        if (end.kind == Terminator::Kind::trap) return l_.exits->error(end.error);
        return v_.is_number(end.a) ? l_.exits->of_value(f_[end.a].imm) : std::nullopt;
    }

    void go(const Edge& edge) {
        const Terminator& end = f_.blocks[edge.target].end;
        if (rounds_.leaves(edge)) {
            rounds_.leave(edge);
        } else if (!is_bare_end(f_, edge.target)) {
            b_.jump(labels_[edge.target], moves(edge));
        } else if (end.kind == Terminator::Kind::trap) {
            b_.jump(l_.exits->error(end.error));
        } else {
            ret(end.a);
        }
    }

    void ret(ValueId value) { l_.exits->end_with(value, f_, l_.values, b_, v_); }

    const Lowering& l_;
    const ir::Function& f_;
    MFunction out_;
    Builder b_;
    ValueLowering v_;
    size_t tests_;
    bool around_;
    std::vector<bool> trunk_;  // by block
    RoundLowering rounds_;
    Reg fuel_base_;  // where the fuel is
    int16_t fuel_at_;
    bool direct_;
    FarTests far_;
    std::unique_ptr<PacketAccess> access_;
    std::vector<Label> labels_;   // by block
    std::vector<bool> in_keys_;   // by value
    std::vector<VReg> entering_;  // by parameter: what edges write
    std::vector<bool> asked_;     // by value
    const std::set<ValueId> rare_matches_;
    BlockId current_ = 0;
    TableLowering tables_;
    std::unordered_map<ValueId, Attempted> attempted_;  // by the flow_get that begins an attempt
    std::vector<std::optional<FrameContents>> left_;    // by block: at its end, once it is written
};

}  // namespace

MFunction lower(const Lowering& lowering, AccessKind access) {
    return Lowerer(lowering, access).run();
}

}  // namespace vfm::bpf
