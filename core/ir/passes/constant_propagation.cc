// Operations on constants become constants, branches on constants jumps. One visit in reverse
// postorder sees every definition before its uses and every forward edge before its target, so that
// constants also pass through merges of which only one way is left.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/form/numbers.h"
#include "core/ir/passes/passes.h"
#include "core/ir/passes/rewrite.h"
#include "core/isa/limits.h"

namespace vfm::ir {
namespace {

constexpr uint64_t kOnes = ~uint64_t{0};

class ConstantPropagation {
  public:
    ConstantPropagation(Function& function, Work& work)
        : function_(function),
          cfg_(work.cfg()),
          scratch_(work.scratch()),
          replacements_(function, scratch_),
          bounds_(work.bounds()),
          reached_(scratch_.array<uint8_t>(function.blocks.size())) {}

    Changes run() {
        reached_[0] = true;
        for (const BlockId id : cfg_.order()) {
            params(id);
            if (!reached_[id]) continue;
            body(id);
            end(function_.blocks[id]);
            for_each_edge(function_.blocks[id],
                          [&](const Edge& edge) { reached_[edge.target] = true; });
        }
        if (changes_.shape) remove_unreachable(function_);
        if (!numbers_.empty()) drop_params(function_, numbers_);
        if (scattered_) gather_numbers();
        replacements_.apply(function_);
        return changes_;
    }

  private:
    bool is_number(ValueId id) const { return function_[id].op == Op::constant; }
    bool is_number(ValueId id, uint64_t number) const {
        return is_number(id) && function_[id].imm == number;
    }

    void make_number(Value& value, uint64_t number) {
        value = {.op = Op::constant, .imm = number, .origin = value.origin};
        changes_.values = scattered_ = true;
    }

    // ---- parameters --------------------------------------------------------------------------

    // A parameter that is the same number on every edge that can be taken is that number.
    void params(BlockId id) {
        const auto preds = cfg_.predecessors(id);
        if (std::ranges::any_of(
                preds, [&](BlockId pred) { return cfg_.position(pred) >= cfg_.position(id); })) {
            reached_[id] = true;  // perhaps: what comes back along a loop is not known yet
            return;
        }
        const Block& block = function_.blocks[id];
        if (!reached_[id]) return;
        for (size_t i = 0; i < block.params.size(); ++i) {
            const std::optional<uint64_t> number = only_number(id, i);
            if (!number) continue;
            make_number(function_[block.params[i]], *number);
            if (numbers_.empty()) numbers_ = scratch_.array<uint8_t>(function_.values.size());
            numbers_[block.params[i]] = true;
            changes_.shape = true;
        }
    }

    std::optional<uint64_t> only_number(BlockId block, size_t param) const {
        std::optional<uint64_t> number;
        for (const BlockId pred : cfg_.predecessors(block)) {
            if (!reached_[pred]) continue;
            bool same = true;
            for_each_edge(function_.blocks[pred], [&](const Edge& edge) {
                if (edge.target != block) return;
                const Value& arg = function_[edge.args[param]];
                same &= arg.op == Op::constant && number.value_or(arg.imm) == arg.imm;
                number = arg.imm;
            });
            if (!same) return std::nullopt;
        }
        return number;
    }

    // Numbers cost nothing where they stand. In the entry, each once, they keep no block from being
    // empty and are the same value wherever they are used.
    void gather_numbers() {
        ScratchMap<uint64_t, ValueId, NumberHash> first(scratch_);
        ScratchStack<ValueId> all(scratch_);
        const auto gather = [&](ValueId id) {
            if (!is_number(id)) return false;
            const auto [value, is_new] = first.insert(function_[id].imm, id);
            if (is_new)
                all.push_back(id);
            else
                replacements_.replace(id, value);
            return true;
        };
        for (ValueId id = 0; id < numbers_.size(); ++id)
            if (numbers_[id]) gather(id);
        for (Block& block : function_.blocks) erase_if(block.body, gather);
        auto& entry = function_.blocks[0].body;
        entry.insert(entry.begin(), all.begin(), all.end());
    }

    // ---- operations --------------------------------------------------------------------------

    void body(BlockId at) {
        Block& block = function_.blocks[at];
        size_t kept = 0;
        for (size_t i = 0; i < block.body.size(); ++i) {
            const ValueId id = block.body[i];
            Value& value = function_[id];
            scattered_ |= at != 0 && value.op == Op::constant;
            for_each_operand(value, [&](ValueId& use) { use = replacements_.find(use); });
            if (op_info(value.op).effect == Effect::guard) {
                const std::optional<bool> holds = guard(value);
                if (holds && !*holds) {
                    const ErrorKind error = value.op == Op::guard_nonzero
                                                ? ErrorKind::division_by_zero
                                                : ErrorKind::bounds;
                    end_with_trap(block, kept, error, value.origin);
                    changes_.shape = true;
                    return;
                }
                if (holds) {
                    changes_.fewer = true;
                    continue;
                }
            } else {
                operation(id, value);
            }
            block.body[kept++] = id;
        }
        block.body.resize(kept);
    }

    // What is known of a guard's condition; one of a constant base becomes one of a length.
    std::optional<bool> guard(Value& value) {
        if (value.op == Op::guard_nonzero) {
            if (!is_number(value.a)) return std::nullopt;
            return !is_number(value.a, 0);
        }
        if (value.op == Op::guard_index && is_number(value.a)) {
            const uint64_t base = function_[value.a].imm;
            if (base > kMaxPacket) return false;
            value = {.op = Op::guard_len, .imm = base + value.imm, .origin = value.origin};
            changes_.values = true;
        }
        if (value.imm > kMaxPacket) return false;
        if (value.op == Op::guard_len && value.imm == 0) return true;
        return std::nullopt;
    }

    void operation(ValueId id, Value& value) {
        if (is_loadx(value.op) && is_number(value.a)) {
            const uint64_t offset = function_[value.a].imm + value.imm;
            const Op op = value.op == Op::loadx ? Op::load : Op::load_raw;
            value = {.op = op, .size = value.size, .imm = offset, .origin = value.origin};
            changes_.values = true;
            return;
        }
        const unsigned operands = op_info(value.op).operands;
        if (operands == 0 || op_info(value.op).effect != Effect::pure) return;
        const bool known = is_number(value.a) && (operands == 1 || is_number(value.b));
        if (known) {
            const uint64_t b = operands == 1 ? 0 : function_[value.b].imm;
            if (const auto number = evaluate(value.op, function_[value.a].imm, b))
                make_number(value, *number);
            return;
        }
        if (operands == 1) return;
        // Numbers stand on the right, so that the rules below are written once.
        if (is_number(value.a)) {
            const auto comparison = op_comparison(value.op);
            if (comparison) value.op = compare_op(mirror(*comparison));
            if (comparison || op_info(value.op).commutes) std::swap(value.a, value.b);
        }
        if (const auto number = same_for_all(value)) {
            make_number(value, *number);
        } else if (op_comparison(value.op)) {
            comparison(id, value);
        } else if (value.op == Op::xor_ && is_number(value.b, 1) &&
                   op_comparison(function_[value.a].op)) {
            take_negated(value, function_[value.a]);  // not, of a truth value
        }
    }

    // The result if it is the same whatever the operand that is no constant.
    std::optional<uint64_t> same_for_all(const Value& value) const {
        const bool same = value.a == value.b;
        const auto right = [&](uint64_t number) { return is_number(value.b, number); };
        const auto left = [&](uint64_t number) { return is_number(value.a, number); };
        std::optional<uint64_t> result;
        switch (value.op) {
            case Op::sub:
            case Op::xor_:
                if (same) result = 0;
                break;
            case Op::and_:
            case Op::mul:
                if (right(0)) result = 0;
                break;
            case Op::or_:
                if (right(kOnes)) result = kOnes;
                break;
            case Op::div:  // the divisor is guarded, so not 0
                if (same)
                    result = 1;
                else if (left(0) ||
                         (is_number(value.b) && bounds_[value.a] < function_[value.b].imm))
                    result = 0;
                break;
            case Op::mod:
                if (same || left(0) || right(1)) result = 0;
                break;
            case Op::shl:
                if (left(0)) result = 0;
                break;
            case Op::shr:
                if (left(0) ||
                    (is_number(value.b) && bounds_[value.a] >> (function_[value.b].imm & 63) == 0))
                    result = 0;
                break;
            default:
                if (const auto c = op_comparison(value.op))
                    if (const auto truth = known_comparison(*c, value.a, value.b))
                        result = *truth ? 1 : 0;
                break;
        }
        return result;
    }

    // a comparison b, if equality of the operands or the greatest number that a can be decides it.
    std::optional<bool> known_comparison(Comparison c, ValueId a, ValueId b) const {
        if (a == b) return compare(c, 0, 0);
        if (!is_number(b)) return std::nullopt;
        if (is_number(a)) return compare(c, function_[a].imm, function_[b].imm);
        const uint64_t number = function_[b].imm, most = bounds_[a];
        if (number > most) return compare(c, 0, 1);
        if (c == Comparison::gt && number == most) return false;
        if (c == Comparison::le && number == most) return true;
        if (number == 0 && (c == Comparison::lt || c == Comparison::ge)) return c == Comparison::ge;
        return std::nullopt;
    }

    // What a test of a truth value says of it.
    enum class Truth : uint8_t { itself, negated, never, always };
    static Truth truth(Comparison c, uint64_t number) {
        const bool zero = compare(c, 0, number), one = compare(c, 1, number);
        if (zero == one) return one ? Truth::always : Truth::never;
        return one ? Truth::itself : Truth::negated;
    }

    // Comparisons of the result of a comparison, as `not` and `if` make them.
    void comparison(ValueId id, Value& value) {
        const Value& inner = function_[value.a];
        if (!is_number(value.b) || !op_comparison(inner.op)) return;
        switch (truth(*op_comparison(value.op), function_[value.b].imm)) {
            case Truth::itself:
                replacements_.replace(id, value.a);
                changes_.values = true;
                break;
            case Truth::negated:
                take_negated(value, inner);
                break;
            case Truth::never:
                make_number(value, 0);
                break;
            case Truth::always:
                make_number(value, 1);
                break;
        }
    }

    void take_negated(Value& value, const Value& inner) {
        changes_.values = true;
        value.op = compare_op(negate(*op_comparison(inner.op)));
        value.b = inner.b;
        value.a = inner.a;
    }

    // ---- ends --------------------------------------------------------------------------------

    void end(Block& block) {
        Terminator& end = block.end;
        for_each_end_use(block, [&](ValueId& use) { use = replacements_.find(use); });
        switch (end.kind) {
            case Terminator::Kind::branch:
                branch(end);
                break;
            case Terminator::Kind::branch_index:
                if (is_number(end.a)) {
                    const uint64_t base = function_[end.a].imm;
                    end.kind = Terminator::Kind::branch_len;
                    end.a = kNone;
                    end.imm = base > kMaxPacket ? base : base + end.imm;
                    changes_.values = true;
                } else if (end.imm > kMaxPacket) {
                    take(end, false);
                }
                break;
            case Terminator::Kind::branch_len:
            case Terminator::Kind::jump:
            case Terminator::Kind::ret:
            case Terminator::Kind::trap:
                break;
        }
        if (end.kind == Terminator::Kind::branch_len && (end.imm == 0 || end.imm > kMaxPacket))
            take(end, end.imm == 0);
        if (is_branch(end) && same_way(end.then, end.otherwise)) take(end, true);
    }

    void take(Terminator& end, bool then) {
        changes_.shape = true;
        end = jump_to(std::move(then ? end.then : end.otherwise), end.origin);
    }

    void branch(Terminator& end) {
        if (is_number(end.a)) {
            std::swap(end.a, end.b);
            end.comparison = mirror(end.comparison);
        }
        // Each step goes from a value to one that it was made of, so this comes to an end.
        while (is_number(end.b) && step(end)) {
        }
        if (end.kind != Terminator::Kind::branch) return;
        if (const auto known = known_comparison(end.comparison, end.a, end.b)) take(end, *known);
    }

    // Tests what the tested value was made of, where that is the same test.
    bool step(Terminator& end) {
        const Value& tested = function_[end.a];
        const uint64_t number = function_[end.b].imm;
        if (const auto inner = op_comparison(tested.op)) {
            const Truth says = truth(end.comparison, number);
            if (says == Truth::always || says == Truth::never) {
                take(end, says == Truth::always);
                return false;
            }
            test(end, says == Truth::itself ? *inner : negate(*inner), tested);
            return true;
        }
        const bool equality = end.comparison == Comparison::eq || end.comparison == Comparison::ne;
        if ((tested.op == Op::sub || tested.op == Op::xor_) && number == 0 && equality) {
            test(end, end.comparison, tested);
            return true;
        }
        if (tested.op == Op::len) test_length(end, number);
        return false;
    }

    void test(Terminator& end, Comparison comparison, const Value& operands) {
        changes_.values = true;
        end.comparison = comparison;
        end.b = operands.b;
        end.a = operands.a;
    }

    // A comparison of the packet's length is what proves loads.
    void test_length(Terminator& end, uint64_t number) {
        const bool above = end.comparison == Comparison::gt || end.comparison == Comparison::le;
        const bool swapped = end.comparison == Comparison::lt || end.comparison == Comparison::le;
        if (end.comparison == Comparison::eq || end.comparison == Comparison::ne) return;
        if (known_comparison(end.comparison, end.a, end.b)) return;
        end.kind = Terminator::Kind::branch_len;
        end.imm = above ? number + 1 : number;
        end.a = end.b = kNone;
        if (swapped) std::swap(end.then, end.otherwise);
        changes_.values = changes_.shape = true;
    }

    Function& function_;
    const Cfg& cfg_;
    Scratch& scratch_;
    Replacements replacements_;
    const std::span<const uint64_t> bounds_;  // of the values as they were at first
    Marks reached_;
    Marks numbers_;           // parameters that became numbers; empty if there are none
    bool scattered_ = false;  // some numbers stand outside the entry, or twice in it
    Changes changes_;
};

}  // namespace

Changes constant_propagation(Function& function, Work& work) {
    return ConstantPropagation(function, work).run();
}

}  // namespace vfm::ir
