#include "core/ir/form/length_facts.h"

#include <algorithm>

#include "core/isa/limits.h"

namespace vfm::ir {

void LengthFacts::release(size_t mark) {
    while (undo_.size() > mark) {
        reach(undo_.back().base) = undo_.back().before;
        undo_.pop_back();
    }
}

void LengthFacts::learn(ValueId base, uint64_t imm, bool holds) {
    Reach& known = reach(base);
    if (holds ? imm < known.within : imm >= known.beyond) return;
    undo_.push_back({base, known});
    if (holds)
        known.within = std::max(known.within, imm + 1);  // of no packet may be asked 2^64 bytes
    else
        known.beyond = imm;
}

void LengthFacts::learn_guard(const Value& guard) {
    learn(guard.op == Op::guard_len ? kNone : guard.a, guard.imm, true);
}

void LengthFacts::learn_branch(const Terminator& end, bool taken) {
    if (end.kind == Terminator::Kind::branch_len) learn(kNone, end.imm, taken);
    if (end.kind == Terminator::Kind::branch_index) learn(end.a, end.imm, taken);
}

Known LengthFacts::length(uint64_t length) const {
    if (length < length_.within) return Known::holds;
    return length > kMaxPacket || length >= length_.beyond ? Known::fails : Known::nothing;
}

Known LengthFacts::index(ValueId a, uint64_t imm) const {
    const Reach* const known = bases_.find(a);
    if (known && imm < known->within) return Known::holds;
    const bool too_far = imm > kMaxPacket || imm >= length_.beyond;
    return too_far || (known && imm >= known->beyond) ? Known::fails : Known::nothing;
}

Known LengthFacts::guard(const Value& guard) const {
    return guard.op == Op::guard_len ? length(guard.imm) : index(guard.a, guard.imm);
}

Known LengthFacts::branch(const Terminator& end) const {
    if (end.kind == Terminator::Kind::branch_len) return length(end.imm);
    if (end.kind == Terminator::Kind::branch_index) return index(end.a, end.imm);
    return Known::nothing;
}

}  // namespace vfm::ir
