#include "userspace/jit/burst/vector_values.h"

#include <algorithm>
#include <bit>

#include "core/ir/form/arithmetic.h"
#include "core/ir/form/bounds.h"

namespace vfm::jit {

using ir::Op;
using ir::Value;
using ir::ValueId;

LaneValues::LaneValues(const ir::Function& function, const ir::Cfg& cfg, StepBuilder& steps)
    : function_(function),
      steps_(steps),
      bounds_(function.values.size()),
      values_(function.values.size()),
      zero_(steps.number(0)) {
    ir::upper_bounds(function, cfg, bounds_);
}

bool LaneValues::make(ValueId id) {
    const Value& value = function_[id];
    if (const auto comparison = ir::op_comparison(value.op)) {
        values_[id].truth = compare(*comparison, value.a, value.b);
        return values_[id].truth != kNoStep;
    }
    if (truth_arithmetic(id)) return true;
    Halves result = calculate(value);
    if (fits(id)) result.high = zero_;
    values_[id].number = result;
    return result.low != kNoStep;
}

bool LaneValues::truth_arithmetic(ValueId id) {
    const Value& value = function_[id];
    if (value.op != Op::and_ && value.op != Op::or_ && value.op != Op::xor_) return false;
    const StepId a = boolean(value.a), b = boolean(value.b);
    if (a == kNoStep || b == kNoStep) return false;
    values_[id].truth = value.op == Op::and_  ? steps_.mask_and(a, b)
                        : value.op == Op::or_ ? steps_.mask_or(a, b)
                                              : steps_.mask_xor(a, b);
    return true;
}

LaneValues::Halves LaneValues::calculate(const Value& value) {
    const auto op = value.op;
    if (op == Op::constant)
        return {steps_.number(static_cast<uint32_t>(value.imm)),
                steps_.number(static_cast<uint32_t>(value.imm >> 32))};
    if (op == Op::len) return {steps_.length(), zero_};
    if (ir::is_load(op)) return loaded(value);
    const Halves a = halves(value.a);
    if (op == Op::not_) {
        const StepId ones = steps_.number(~uint32_t{0});
        return bitwise(LaneOp::xor_, a, {ones, ones});
    }
    if (op == Op::neg) return difference({zero_, zero_}, a);
    if (op == Op::shl) return shifted_left(a, count_of(value.b));
    if (op == Op::shr) return shifted_right(a, count_of(value.b));
    const Halves b = halves(value.b);
    if (op == Op::add) return sum(a, b);
    if (op == Op::sub) return difference(a, b);
    if (op == Op::mul) return {steps_.arithmetic(LaneOp::mul, a.low, b.low), kNoStep};
    if (op == Op::and_) return bitwise(LaneOp::and_, a, b);
    if (op == Op::or_) return bitwise(LaneOp::or_, a, b);
    return bitwise(LaneOp::xor_, a, b);
}

LaneValues::Halves LaneValues::loaded(const Value& value) {
    const bool raw = value.op == Op::load_raw;
    const auto offset = static_cast<uint32_t>(value.imm);
    if (value.size <= 4) return {steps_.field(offset, value.size, raw), zero_};
    const StepId first = steps_.field(offset, 4, raw), second = steps_.field(offset + 4, 4, raw);
    return raw ? Halves{first, second} : Halves{second, first};
}

LaneValues::Halves LaneValues::bitwise(LaneOp op, Halves a, Halves b) {
    Halves result = {steps_.arithmetic(op, a.low, b.low), kNoStep};
    if (op == LaneOp::and_ && (a.high == zero_ || b.high == zero_))
        result.high = zero_;
    else if (a.high != kNoStep && b.high != kNoStep)
        result.high = steps_.arithmetic(op, a.high, b.high);
    return result;
}

LaneValues::Halves LaneValues::sum(Halves a, Halves b) {
    const StepId low = steps_.arithmetic(LaneOp::add, a.low, b.low);
    if (a.high == kNoStep || b.high == kNoStep) return {low, kNoStep};
    const StepId carry = steps_.bit(steps_.compare(Comparison::lt, low, a.low));
    const StepId high = steps_.arithmetic(LaneOp::add, a.high, b.high);
    return {low, steps_.arithmetic(LaneOp::add, high, carry)};
}

LaneValues::Halves LaneValues::difference(Halves a, Halves b) {
    const StepId low = steps_.arithmetic(LaneOp::sub, a.low, b.low);
    if (a.high == kNoStep || b.high == kNoStep) return {low, kNoStep};
    const StepId borrow = steps_.bit(steps_.compare(Comparison::lt, a.low, b.low));
    const StepId high = steps_.arithmetic(LaneOp::sub, a.high, b.high);
    return {low, steps_.arithmetic(LaneOp::sub, high, borrow)};
}

// A step shifts by 32 and more to 0, and so by a negative count: of the bits that go from one half
// to the other, those of counts below 32 and those of counts above are made, one of them 0.
LaneValues::Halves LaneValues::shifted_left(Halves a, StepId count) {
    const StepId low = steps_.arithmetic(LaneOp::shl, a.low, count);
    if (a.high == kNoStep) return {low, kNoStep};
    const StepId rest = steps_.arithmetic(LaneOp::sub, steps_.number(32), count);
    const StepId above = steps_.arithmetic(LaneOp::sub, count, steps_.number(32));
    StepId high = steps_.arithmetic(LaneOp::shl, a.high, count);
    high = steps_.arithmetic(LaneOp::or_, high, steps_.arithmetic(LaneOp::shr, a.low, rest));
    high = steps_.arithmetic(LaneOp::or_, high, steps_.arithmetic(LaneOp::shl, a.low, above));
    return {low, high};
}

LaneValues::Halves LaneValues::shifted_right(Halves a, StepId count) {
    if (a.high == kNoStep) return {};
    const StepId rest = steps_.arithmetic(LaneOp::sub, steps_.number(32), count);
    const StepId above = steps_.arithmetic(LaneOp::sub, count, steps_.number(32));
    StepId low = steps_.arithmetic(LaneOp::shr, a.low, count);
    low = steps_.arithmetic(LaneOp::or_, low, steps_.arithmetic(LaneOp::shl, a.high, rest));
    low = steps_.arithmetic(LaneOp::or_, low, steps_.arithmetic(LaneOp::shr, a.high, above));
    return {low, steps_.arithmetic(LaneOp::shr, a.high, count)};
}

StepId LaneValues::count_of(ValueId id) {
    const StepId low = halves(id).low;
    return bounds_[id] < 64 ? low : steps_.arithmetic(LaneOp::and_, low, steps_.number(63));
}

void LaneValues::join(ValueId param, std::span<const Way> ways) {
    const auto same = [&](const Way& way) {
        return values_[way.argument].same(values_[ways[0].argument]);
    };
    Lanes& result = values_[param];
    if (std::ranges::all_of(ways, same)) {
        result = values_[ways[0].argument];
        return;
    }
    if (std::ranges::all_of(ways,
                            [&](const Way& way) { return boolean(way.argument) != kNoStep; })) {
        result.truth = steps_.never();
        for (const Way& way : ways)
            result.truth =
                steps_.mask_or(result.truth, steps_.mask_and(way.mask, boolean(way.argument)));
        return;
    }
    result.number = halves(ways[0].argument);
    for (const Way& way : ways.subspan(1)) {
        const Halves other = halves(way.argument);
        result.number.low = steps_.select(way.mask, other.low, result.number.low);
        const bool known = result.number.high != kNoStep && other.high != kNoStep;
        result.number.high =
            known ? steps_.select(way.mask, other.high, result.number.high) : kNoStep;
    }
}

LaneValues::Halves LaneValues::halves(ValueId id) {
    Lanes& lanes = values_[id];
    if (lanes.number.low == kNoStep) lanes.number = {steps_.bit(lanes.truth), zero_};
    return lanes.number;
}

StepId LaneValues::narrow(ValueId id) {
    const Halves value = halves(id);
    return value.high == zero_ ? value.low : kNoStep;
}

uint32_t LaneValues::mask_for(ValueId id, uint64_t mask) const {
    const uint64_t possible = bounds_[id] == 0 ? 0 : ~uint64_t{0} >> std::countl_zero(bounds_[id]);
    return (mask & possible) == possible ? ~uint32_t{0} : static_cast<uint32_t>(mask);
}

StepId LaneValues::boolean(ValueId id) const {
    const Lanes& lanes = values_[id];
    if (lanes.truth != kNoStep) return lanes.truth;
    if (lanes.number.high != zero_) return kNoStep;
    if (steps_.is_number(lanes.number.low, 0)) return steps_.never();
    if (steps_.is_number(lanes.number.low, 1)) return steps_.always();
    return kNoStep;
}

StepId LaneValues::truth(ValueId id) {
    if (const StepId known = boolean(id); known != kNoStep) return known;
    const Halves value = halves(id);
    if (value.high == kNoStep) return kNoStep;
    const StepId any = steps_.arithmetic(LaneOp::or_, value.low, value.high);
    return steps_.compare(Comparison::ne, any, zero_);
}

// (y - k) <= d, with k + d below 2^32: a y below k wraps to more than d in 32 bits as well as in
// 64, so the high half need not be made.
StepId LaneValues::range_test(Comparison comparison, ValueId a, ValueId b) {
    const Value &value = function_[a], &limit = function_[b];
    if (limit.op != Op::constant || (value.op != Op::sub && value.op != Op::add)) return kNoStep;
    if (function_[value.b].op != Op::constant || !fits(value.a)) return kNoStep;
    const uint64_t number = function_[value.b].imm;
    const uint64_t from = value.op == Op::sub ? number : -number;
    if (from >> 32 != 0 || limit.imm >> 32 != 0 || (from + limit.imm) >> 32 != 0) return kNoStep;
    const StepId distance = steps_.arithmetic(LaneOp::sub, halves(value.a).low,
                                              steps_.number(static_cast<uint32_t>(from)));
    return steps_.compare(comparison, distance, steps_.number(static_cast<uint32_t>(limit.imm)));
}

StepId LaneValues::compare(Comparison comparison, ValueId a, ValueId b) {
    if (const StepId test = range_test(comparison, a, b); test != kNoStep) return test;
    if (const StepId test = range_test(mirror(comparison), b, a); test != kNoStep) return test;
    const Halves x = halves(a), y = halves(b);
    if (x.high == kNoStep || y.high == kNoStep) return kNoStep;
    if (x.high == zero_ && y.high == zero_) return steps_.compare(comparison, x.low, y.low);
    const StepId same = steps_.compare(Comparison::eq, x.high, y.high);
    if (comparison == Comparison::eq || comparison == Comparison::ne) {
        const StepId equal = steps_.mask_and(same, steps_.compare(Comparison::eq, x.low, y.low));
        return comparison == Comparison::eq ? equal : steps_.mask_not(equal);
    }
    // The high halves decide strictly, where they are the same the low ones do.
    const bool greater = comparison == Comparison::gt || comparison == Comparison::ge;
    const StepId above = steps_.compare(greater ? Comparison::gt : Comparison::lt, x.high, y.high);
    return steps_.mask_or(above, steps_.mask_and(same, steps_.compare(comparison, x.low, y.low)));
}

}  // namespace vfm::jit
