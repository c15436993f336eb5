#include "core/ir/native/truths.h"

#include <algorithm>
#include <bit>

#include "core/ir/form/arithmetic.h"

namespace vfm::ir {
namespace {

// Operations at the end of a block among which the same one is looked for.
constexpr size_t kLookBack = 32;

}  // namespace

bool Truths::is_truth(ValueId id, unsigned depth) const {
    if (id < known_.size() && known_[id]) return true;
    const Value& value = function_[id];
    if (op_info(value.op).bits == 1) return true;
    switch (value.op) {
        case Op::constant:
            return value.imm <= 1;
        case Op::and_:
        case Op::or_:
        case Op::xor_:
            return depth > 0 && is_truth(value.a, depth - 1) && is_truth(value.b, depth - 1);
        default:
            return false;
    }
}

Condition Truths::condition(const Terminator& end) const {
    const bool equality = end.comparison == Comparison::eq || end.comparison == Comparison::ne;
    if (equality && is_number(function_, end.b, 0) && is_truth(end.a))
        return {.truth = end.a, .positive = end.comparison == Comparison::ne};
    return {.comparison = end.comparison, .a = end.a, .b = end.b};
}

ValueId Truths::number(uint64_t number) {
    if (number > 1) return numbers_.get(number);
    ValueId& known = number == 0 ? zero_ : one_;
    if (known == kNone) known = numbers_.get(number);
    return known;
}

ValueId Truths::make(Block& block, const Value& value) {
    const size_t count = std::min(block.body.size(), kLookBack);
    for (size_t i = 1; i <= count; ++i) {
        const ValueId id = block.body[block.body.size() - i];
        const Value& other = function_[id];
        if (other.op == value.op && other.a == value.a && other.b == value.b &&
            other.imm == value.imm && other.size == value.size)
            return id;
    }
    Value made = value;
    made.origin = origin_;
    return append(function_, block, made);
}

ValueId Truths::known(ValueId truth) {
    if (truth >= known_.size()) known_.resize(2 * size_t{truth} + 1);
    known_[truth] = true;
    return truth;
}

ValueId Truths::negated(Block& block, ValueId truth) {
    const Value value = function_[truth];
    if (value.op == Op::constant) return number(1 - value.imm);
    if (const auto comparison = op_comparison(value.op))
        return make(block, {.op = compare_op(negate(*comparison)), .a = value.a, .b = value.b});
    if (value.op == Op::xor_ && is_number(function_, value.b, 1)) return value.a;
    return known(make(block, {.op = Op::xor_, .a = truth, .b = number(1)}));
}

ValueId Truths::value(Block& block, const Condition& condition, bool holds) {
    if (condition.truth != kNone)
        return condition.positive == holds ? condition.truth : negated(block, condition.truth);
    const Comparison comparison = holds ? condition.comparison : negate(condition.comparison);
    return make(block, {.op = compare_op(comparison), .a = condition.a, .b = condition.b});
}

unsigned Truths::negations(const Condition& condition, bool holds) const {
    if (condition.truth == kNone || condition.positive == holds) return 0;
    const Value& value = function_[condition.truth];
    const bool free = op_comparison(value.op) || value.op == Op::constant ||
                      (value.op == Op::xor_ && is_number(function_, value.b, 1));
    return free ? 0 : 1;
}

ValueId Truths::both(Block& block, ValueId a, ValueId b) {
    if (a == b) return a;
    for (const auto& [one, other] : {std::pair(a, b), std::pair(b, a)})
        if (is_number(function_, one)) return function_[one].imm == 0 ? one : other;
    return known(make(block, {.op = Op::and_, .a = a, .b = b}));
}

ValueId Truths::either(Block& block, ValueId a, ValueId b) {
    if (a == b) return a;
    for (const auto& [one, other] : {std::pair(a, b), std::pair(b, a)})
        if (is_number(function_, one)) return function_[one].imm == 1 ? one : other;
    return known(make(block, {.op = Op::or_, .a = a, .b = b}));
}

// The value if the condition holds (`holds`) or does not, else 0.
ValueId Truths::masked(Block& block, const Condition& condition, bool holds, ValueId value) {
    const ValueId truth = this->value(block, condition, holds);
    if (is_number(function_, value) && std::has_single_bit(function_[value].imm)) {
        const auto places = static_cast<uint64_t>(std::countr_zero(function_[value].imm));
        if (places == 0) return truth;
        return make(block, {.op = Op::shl, .a = truth, .b = number(places)});
    }
    const ValueId ones = make(block, {.op = Op::neg, .a = truth});
    return make(block, {.op = Op::and_, .a = ones, .b = value});
}

// value xor number; numbers are gathered.
ValueId Truths::exclusive(Block& block, ValueId value, ValueId number) {
    uint64_t bits = function_[number].imm;
    if (function_[value].op == Op::xor_ && is_number(function_, function_[value].b)) {
        bits ^= function_[function_[value].b].imm;
        value = function_[value].a;
    }
    if (bits == 0) return value;
    return make(block, {.op = Op::xor_, .a = value, .b = this->number(bits)});
}

bool Truths::cheap_select(ValueId yes, ValueId no) const {
    if (yes == no || (is_truth(yes) && is_truth(no))) return true;
    return is_number(function_, yes) || is_number(function_, no);
}

ValueId Truths::select(Block& block, const Condition& condition, ValueId yes, ValueId no) {
    if (yes == no) return yes;
    const bool number_yes = is_number(function_, yes), number_no = is_number(function_, no);
    if (is_truth(yes) && is_truth(no)) {
        if (number_yes && function_[yes].imm == 1)
            return either(block, value(block, condition, true), no);
        if (number_yes) return both(block, value(block, condition, false), no);
        if (number_no && function_[no].imm == 1)
            return either(block, value(block, condition, false), yes);
        if (number_no) return both(block, value(block, condition, true), yes);
        return either(block, both(block, value(block, condition, true), yes),
                      both(block, value(block, condition, false), no));
    }
    if (is_number(function_, no, 0)) return masked(block, condition, true, yes);
    if (is_number(function_, yes, 0)) return masked(block, condition, false, no);
    if (number_yes && number_no && function_[yes].imm == function_[no].imm + 1)
        return make(block, {.op = Op::add, .a = value(block, condition, true), .b = no});
    if (number_yes && number_no && function_[no].imm == function_[yes].imm + 1)
        return make(block, {.op = Op::add, .a = value(block, condition, false), .b = yes});
    // What differs is exchanged; a number on one side is put back at the end.
    if (number_yes && number_no) {
        const ValueId difference = number(function_[yes].imm ^ function_[no].imm);
        return exclusive(block, masked(block, condition, true, difference), no);
    }
    if (number_no)
        return exclusive(block, masked(block, condition, true, exclusive(block, yes, no)), no);
    if (number_yes)
        return exclusive(block, masked(block, condition, false, exclusive(block, no, yes)), yes);
    const ValueId difference = make(block, {.op = Op::xor_, .a = yes, .b = no});
    const ValueId kept = masked(block, condition, true, difference);
    return make(block, {.op = Op::xor_, .a = kept, .b = no});
}

}  // namespace vfm::ir
