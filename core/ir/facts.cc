#include "core/ir/facts.h"

#include <utility>

#include "core/isa/limits.h"

namespace vfm::ir {
namespace {

constexpr uint64_t kLess = 1, kEqual = 2, kGreater = 4, kAny = kLess | kEqual | kGreater;

// The relations under which a comparison holds.
constexpr uint64_t relations(Comparison comparison) {
    switch (comparison) {
        case Comparison::eq:
            return kEqual;
        case Comparison::ne:
            return kLess | kGreater;
        case Comparison::gt:
            return kGreater;
        case Comparison::lt:
            return kLess;
        case Comparison::ge:
            return kGreater | kEqual;
        case Comparison::le:
            return kLess | kEqual;
    }
    return kAny;
}

constexpr uint64_t kMost = ~uint64_t{0};

}  // namespace

void Facts::release(size_t mark) {
    while (undo_.size() > mark) {
        facts_[undo_.back().key] = undo_.back().before;
        undo_.pop_back();
    }
}

uint64_t Facts::get(const Key& key) const {
    const auto found = facts_.find(key);
    if (found != facts_.end()) return found->second;
    switch (key.kind) {
        case Kind::length:
        case Kind::index:
        case Kind::low:
            return 0;
        case Kind::shorter:
        case Kind::beyond:
        case Kind::high:
            return kMost;
        case Kind::relation:
        case Kind::relation_number:
            return kAny;
    }
    return 0;
}

void Facts::put(const Key& key, uint64_t value) {
    const uint64_t before = get(key);
    if (before == value) return;
    undo_.push_back({key, before});
    facts_[key] = value;
}

void Facts::raise(const Key& key, uint64_t value) {
    if (value > get(key)) put(key, value);
}

void Facts::lower(const Key& key, uint64_t value) {
    if (value < get(key)) put(key, value);
}

Facts::Pair Facts::order(Comparison comparison, ValueId a, ValueId b) const {
    const bool swap = is_number(a) || (!is_number(b) && b < a);
    return swap ? Pair{mirror(comparison), b, a} : Pair{comparison, a, b};
}

Facts::Key Facts::relation_key(const Pair& pair) const {
    if (is_number(pair.b)) return {Kind::relation_number, pair.a, function_[pair.b].imm};
    return {Kind::relation, pair.a, pair.b};
}

void Facts::learn(Comparison comparison, ValueId a, ValueId b) {
    if (a == b || (is_number(a) && is_number(b))) return;
    const Pair pair = order(comparison, a, b);
    const Key key = relation_key(pair);
    put(key, get(key) & relations(pair.comparison));
    if (is_number(pair.b)) learn_range(pair.comparison, pair.a, function_[pair.b].imm);
}

// A range that has become empty means that the place is never reached: whatever is then believed
// is right.
void Facts::learn_range(Comparison comparison, ValueId a, uint64_t number) {
    const Key low{Kind::low, a}, high{Kind::high, a};
    switch (comparison) {
        case Comparison::eq:
            raise(low, number);
            lower(high, number);
            break;
        case Comparison::ne:
            if (get(low) == number && number != kMost) raise(low, number + 1);
            if (get(high) == number && number != 0) lower(high, number - 1);
            break;
        case Comparison::gt:
            if (number != kMost) raise(low, number + 1);
            break;
        case Comparison::ge:
            raise(low, number);
            break;
        case Comparison::lt:
            if (number != 0) lower(high, number - 1);
            break;
        case Comparison::le:
            lower(high, number);
            break;
    }
}

Facts::Known Facts::range(Comparison comparison, ValueId a, uint64_t number) const {
    const uint64_t low = get({Kind::low, a}), high = get({Kind::high, a});
    const auto holds = [&](Comparison c) {
        switch (c) {
            case Comparison::eq:
                return low == number && high == number;
            case Comparison::ne:
                return number < low || number > high;
            case Comparison::gt:
                return low > number;
            case Comparison::ge:
                return low >= number;
            case Comparison::lt:
                return high < number;
            case Comparison::le:
                return high <= number;
        }
        return false;
    };
    if (holds(comparison)) return Known::holds;
    return holds(negate(comparison)) ? Known::fails : Known::nothing;
}

Facts::Known Facts::compare(Comparison comparison, ValueId a, ValueId b) const {
    if (a == b || (is_number(a) && is_number(b))) {
        const uint64_t x = function_[a].imm, y = a == b ? x : function_[b].imm;
        return vfm::compare(comparison, x, y) ? Known::holds : Known::fails;
    }
    const Pair pair = order(comparison, a, b);
    const uint64_t possible = get(relation_key(pair)), wanted = relations(pair.comparison);
    if ((possible & ~wanted) == 0) return Known::holds;
    if ((possible & wanted) == 0) return Known::fails;
    return is_number(pair.b) ? range(pair.comparison, pair.a, function_[pair.b].imm)
                             : Known::nothing;
}

Facts::Known Facts::length(uint64_t length) const {
    if (get({Kind::length}) >= length) return Known::holds;
    return length > kMaxPacket || get({Kind::shorter}) <= length ? Known::fails : Known::nothing;
}

Facts::Known Facts::index(ValueId a, uint64_t imm) const {
    if (get({Kind::index, a}) > imm) return Known::holds;
    const bool too_far = imm > kMaxPacket || get({Kind::shorter}) <= imm;
    return too_far || get({Kind::beyond, a}) <= imm ? Known::fails : Known::nothing;
}

Facts::Known Facts::guard(const Value& guard) const {
    switch (guard.op) {
        case Op::guard_len:
            return length(guard.imm);
        case Op::guard_index:
            return index(guard.a, guard.imm);
        default:
            break;  // the third guard there is
    }
    if (is_number(guard.a)) return function_[guard.a].imm != 0 ? Known::holds : Known::fails;
    const uint64_t possible = get({Kind::relation_number, guard.a, 0});
    if ((possible & kEqual) == 0) return Known::holds;
    return range(Comparison::ne, guard.a, 0);
}

Facts::Known Facts::branch(const Terminator& end) const {
    switch (end.kind) {
        case Terminator::Kind::branch:
            return compare(end.comparison, end.a, end.b);
        case Terminator::Kind::branch_len:
            return length(end.imm);
        case Terminator::Kind::branch_index:
            return index(end.a, end.imm);
        case Terminator::Kind::jump:
        case Terminator::Kind::ret:
        case Terminator::Kind::trap:
            break;
    }
    return Known::nothing;
}

void Facts::learn_guard(const Value& guard) {
    switch (guard.op) {
        case Op::guard_len:
            raise({Kind::length}, guard.imm);
            return;
        // Kept as imm + 1, so that nothing known differs from imm 0 known.
        case Op::guard_index:
            raise({Kind::index, guard.a}, guard.imm + 1);
            return;
        default:
            break;
    }
    if (is_number(guard.a)) return;
    const Key key{Kind::relation_number, guard.a, 0};
    put(key, get(key) & (kLess | kGreater));
    learn_range(Comparison::ne, guard.a, 0);
}

void Facts::learn_branch(const Terminator& end, bool taken) {
    switch (end.kind) {
        case Terminator::Kind::branch:
            learn(taken ? end.comparison : negate(end.comparison), end.a, end.b);
            break;
        case Terminator::Kind::branch_len:
            if (taken)
                raise({Kind::length}, end.imm);
            else
                lower({Kind::shorter}, end.imm);
            break;
        case Terminator::Kind::branch_index:
            if (taken)
                raise({Kind::index, end.a}, end.imm + 1);
            else
                lower({Kind::beyond, end.a}, end.imm);
            break;
        case Terminator::Kind::jump:
        case Terminator::Kind::ret:
        case Terminator::Kind::trap:
            break;
    }
}

}  // namespace vfm::ir
