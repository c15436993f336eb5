#include "userspace/jit/burst/vector_steps.h"

#include <utility>

namespace vfm::jit {
namespace {

constexpr uint32_t kOnes = ~uint32_t{0};

uint32_t evaluate(LaneOp op, uint32_t a, uint32_t b) {
    switch (op) {
        case LaneOp::add:
            return a + b;
        case LaneOp::sub:
            return a - b;
        case LaneOp::mul:
            return a * b;
        case LaneOp::and_:
            return a & b;
        case LaneOp::or_:
            return a | b;
        case LaneOp::xor_:
            return a ^ b;
        case LaneOp::shl:
            return b < 32 ? a << b : 0;
        case LaneOp::shr:
            return b < 32 ? a >> b : 0;
        case LaneOp::number:
        case LaneOp::field:
        case LaneOp::field_raw:
        case LaneOp::length:
        case LaneOp::select:
        case LaneOp::bit:
        case LaneOp::flow_result:
        case LaneOp::always:
        case LaneOp::never:
        case LaneOp::compare:
        case LaneOp::in_set:
        case LaneOp::in_rows:
        case LaneOp::mask_and:
        case LaneOp::mask_and_not:
        case LaneOp::mask_or:
        case LaneOp::mask_xor:
        case LaneOp::mask_not:
        case LaneOp::flow_argument:
        case LaneOp::flow:
            break;
    }
    return 0;
}

bool commutes(LaneOp op) {
    return op == LaneOp::add || op == LaneOp::mul || op == LaneOp::and_ || op == LaneOp::or_ ||
           op == LaneOp::xor_;
}

}  // namespace

size_t StepBuilder::Hash::operator()(const LaneStep& step) const {
    const auto kind = static_cast<uint64_t>(step.op) << 16 |
                      static_cast<uint64_t>(step.comparison) << 8 | step.size;
    uint64_t hash = mix(kMixStart, kind << 32 | step.imm);
    hash = mix(hash, uint64_t{step.a} << 32 | step.b);
    return mix(hash, step.c);
}

StepBuilder::StepBuilder()
    : always_(add({.op = LaneOp::always})), never_(add({.op = LaneOp::never})) {}

StepId StepBuilder::add(const LaneStep& step) {
    const auto [place, fresh] = known_.try_emplace(step, static_cast<StepId>(steps_.size()));
    if (fresh) steps_.push_back(step);
    return place->second;
}

StepId StepBuilder::number(uint32_t value) { return add({.op = LaneOp::number, .imm = value}); }

StepId StepBuilder::field(uint32_t offset, unsigned size, bool raw) {
    return add({.op = raw && size > 1 ? LaneOp::field_raw : LaneOp::field,
                .size = static_cast<uint8_t>(size),
                .imm = offset});
}

StepId StepBuilder::arithmetic(LaneOp op, StepId a, StepId b) {
    if (is_number(a) && is_number(b)) return number(evaluate(op, steps_[a].imm, steps_[b].imm));
    if (commutes(op) && (is_number(a) || (!is_number(b) && b < a))) std::swap(a, b);
    if (is_number(b, 0)) return op == LaneOp::and_ || op == LaneOp::mul ? b : a;
    if (is_number(b, kOnes) && op == LaneOp::and_) return a;
    if (is_number(b, kOnes) && op == LaneOp::or_) return b;
    if (is_number(b, 1) && op == LaneOp::mul) return a;
    const bool shift = op == LaneOp::shl || op == LaneOp::shr;
    if (shift && is_number(b) && steps_[b].imm >= 32) return number(0);
    if (shift && is_number(a, 0)) return a;
    if (a == b && (op == LaneOp::and_ || op == LaneOp::or_)) return a;
    if (a == b && (op == LaneOp::xor_ || op == LaneOp::sub)) return number(0);
    return add({.op = op, .a = a, .b = b});
}

StepId StepBuilder::select(StepId mask, StepId a, StepId b) {
    if (mask == always_ || a == b) return a;
    if (mask == never_) return b;
    if (is_number(a, 1) && is_number(b, 0)) return bit(mask);
    return add({.op = LaneOp::select, .a = a, .b = b, .c = mask});
}

StepId StepBuilder::bit(StepId mask) {
    if (mask == always_) return number(1);
    if (mask == never_) return number(0);
    return add({.op = LaneOp::bit, .a = mask});
}

StepId StepBuilder::compare(Comparison comparison, StepId a, StepId b) {
    if (is_number(a) && is_number(b))
        return vfm::compare(comparison, steps_[a].imm, steps_[b].imm) ? always_ : never_;
    if (a == b) return vfm::compare(comparison, 0, 0) ? always_ : never_;
    if (is_number(a)) {
        std::swap(a, b);
        comparison = mirror(comparison);
    }
    if (is_number(b)) {
        // Only comparisons that some number passes and some number fails are left, the strict ones
        // with room for a number on the far side.
        const uint32_t limit = steps_[b].imm;
        if (limit == 0 && comparison == Comparison::lt) return never_;
        if (limit == 0 && comparison == Comparison::ge) return always_;
        if (limit == 0 && comparison == Comparison::gt) comparison = Comparison::ne;
        if (limit == 0 && comparison == Comparison::le) comparison = Comparison::eq;
        if (limit == kOnes && comparison == Comparison::gt) return never_;
        if (limit == kOnes && comparison == Comparison::le) return always_;
        if (steps_[a].op == LaneOp::bit) {
            const bool zero = vfm::compare(comparison, 0, limit);
            const bool one = vfm::compare(comparison, 1, limit);
            if (zero == one) return zero ? always_ : never_;
            return one ? steps_[a].a : mask_not(steps_[a].a);
        }
    }
    return add({.op = LaneOp::compare, .comparison = comparison, .a = a, .b = b});
}

StepId StepBuilder::in_set(StepId a, uint32_t set, StepId among) {
    if (among == never_) return never_;
    return add({.op = LaneOp::in_set, .a = a, .c = among, .imm = set});
}

StepId StepBuilder::in_rows(StepId a, StepId b, uint32_t rows, StepId among) {
    if (among == never_) return never_;
    return add({.op = LaneOp::in_rows, .a = a, .b = b, .c = among, .imm = rows});
}

bool StepBuilder::opposite(StepId a, StepId b) const {
    const LaneStep &x = steps_[a], &y = steps_[b];
    if (x.op == LaneOp::mask_not && x.a == b) return true;
    if (y.op == LaneOp::mask_not && y.a == a) return true;
    return x.op == LaneOp::compare && y.op == LaneOp::compare && x.a == y.a && x.b == y.b &&
           x.comparison == negate(y.comparison);
}

StepId StepBuilder::mask_and(StepId a, StepId b) {
    if (a == always_ || a == b) return b;
    if (b == always_) return a;
    if (a == never_ || b == never_ || opposite(a, b)) return never_;
    if (steps_[b].op == LaneOp::mask_not) return mask_and_not(a, steps_[b].a);
    if (steps_[a].op == LaneOp::mask_not) return mask_and_not(b, steps_[a].a);
    return add({.op = LaneOp::mask_and, .a = std::min(a, b), .b = std::max(a, b)});
}

StepId StepBuilder::mask_and_not(StepId a, StepId b) {
    if (a == never_ || b == always_ || a == b) return never_;
    if (b == never_ || opposite(a, b)) return a;
    if (steps_[b].op == LaneOp::mask_not) return mask_and(a, steps_[b].a);
    if (a != always_) return add({.op = LaneOp::mask_and_not, .a = a, .b = b});
    if (steps_[b].op == LaneOp::compare)
        return compare(negate(steps_[b].comparison), steps_[b].a, steps_[b].b);
    return add({.op = LaneOp::mask_not, .a = b});
}

StepId StepBuilder::mask_or(StepId a, StepId b) {
    if (a == never_ || a == b) return b;
    if (b == never_) return a;
    if (a == always_ || b == always_ || opposite(a, b)) return always_;
    // Two ways that part and meet again: m and c, or m and not c.
    const LaneStep &x = steps_[a], &y = steps_[b];
    if (x.op == LaneOp::mask_and && y.op == LaneOp::mask_and_not) {
        if (x.a == y.a && x.b == y.b) return y.a;
        if (x.b == y.a && x.a == y.b) return y.a;
    }
    if (y.op == LaneOp::mask_and && x.op == LaneOp::mask_and_not) return mask_or(b, a);
    return add({.op = LaneOp::mask_or, .a = std::min(a, b), .b = std::max(a, b)});
}

StepId StepBuilder::mask_xor(StepId a, StepId b) {
    if (a == b) return never_;
    if (opposite(a, b)) return always_;
    if (a == never_) return b;
    if (b == never_) return a;
    if (a == always_) return mask_not(b);
    if (b == always_) return mask_not(a);
    return add({.op = LaneOp::mask_xor, .a = std::min(a, b), .b = std::max(a, b)});
}

void StepBuilder::flow_argument(FlowWord word, StepId number) {
    steps_.push_back(
        {.op = LaneOp::flow_argument, .a = number, .imm = static_cast<uint32_t>(word)});
}

StepId StepBuilder::flow(FlowAccess access, uint32_t table, StepId among) {
    steps_.push_back(
        {.op = LaneOp::flow, .size = static_cast<uint8_t>(access), .c = among, .imm = table});
    return static_cast<StepId>(steps_.size() - 1);
}

StepId StepBuilder::flow_result(FlowWord word, StepId flow) {
    return add({.op = LaneOp::flow_result, .c = flow, .imm = static_cast<uint32_t>(word)});
}

}  // namespace vfm::jit
