// The walk: arithmetic and branches.
#include <algorithm>

#include "bpfgen/predict/walk.h"
#include "core/ebpf/arithmetic.h"

namespace vfm::bpf {
namespace {

using ebpf::DecodedInsn;
using ebpf::Op;

// Offsets from a packet pointer that may be unknown by more are no bounds.
constexpr uint64_t kMostPacketOffset = 0xffff;
constexpr unsigned kMostLinked = 6;

bool is_packet(const Value& value) {
    return value.kind == Kind::packet || value.kind == Kind::packet_end;
}

bool is_pointer(const Value& value) {
    return value.kind != Kind::number && value.kind != Kind::unset;
}

Value immediate(const DecodedInsn& insn) { return Value::of(Scalar::known(insn.imm)); }

/// All pointers that differ from this one by known offsets may reach so far.
void extend_range(Path& path, const Value& pointer, bool one_more) {
    const Value good = pointer;
    if (good.offset < 0 || (good.offset == 0 && one_more)) return;
    if (good.number.most > kMostPacketOffset ||
        good.number.most + static_cast<uint64_t>(good.offset) > kMostPacketOffset)
        return;
    const int32_t range = good.offset + (one_more ? 1 : 0);
    for_values(path, [&](Value& value) {
        if (value.kind == Kind::packet && value.name == good.name)
            value.range = std::max(value.range, range);
    });
}

void compare_with_end(Op op, unsigned reg, Path& falls, Path& taken) {
    Value& left = falls.top().regs[reg];
    Value& other = taken.top().regs[reg];
    switch (op) {
        case Op::JGT:  // taken: behind the end
            extend_range(falls, left, false);
            other.range = kBehindEnd;
            break;
        case Op::JGE:
            extend_range(falls, left, true);
            other.range = kAtEnd;
            break;
        case Op::JLT:
            extend_range(taken, other, true);
            left.range = kAtEnd;
            break;
        case Op::JLE:
            extend_range(taken, other, false);
            left.range = kBehindEnd;
            break;
        default:
            break;
    }
}

void decide_null(Path& path, uint32_t name, bool is_null) {
    for_values(path, [&](Value& value) {
        if (value.kind != Kind::map_value_or_null || value.name != name) return;
        if (is_null) {
            value = Value::of(Scalar::known(0));
        } else {
            value.kind = Kind::map_value;
            value.name = 0;
        }
    });
}

/// What is known of a value now holds for all of its name.
void spread(Path& path, Value known) {
    if (known.name == 0) return;
    for_values(path, [&](Value& value) {
        if (value.kind != Kind::number || value.name != known.name) return;
        if (value.is_sum == known.is_sum && (!value.is_sum || value.offset == known.offset)) {
            value = known;
            return;
        }
        const int64_t apart = (value.is_sum ? value.offset : 0) - (known.is_sum ? known.offset : 0);
        Value sum = value;
        sum.number =
            combine(Op::ADD, true, known.number, Scalar::known(static_cast<uint64_t>(apart)));
        value = sum;
    });
}

}  // namespace

void Walk::move(const DecodedInsn& insn, Value& dst) {
    if (insn.has_immediate) {
        dst = Value::of(Scalar::known(insn.is_wide ? insn.imm : static_cast<uint32_t>(insn.imm)));
        return;
    }
    Value& src = reg(insn.src);
    if (insn.is_wide) {
        name(src);
        dst = src;
        return;
    }
    if (src.kind != Kind::number) {
        dst = Value::of(Scalar::of_bytes(4));
        return;
    }
    const bool keeps = src.number.fits_low();
    if (keeps) name(src);
    dst = src;
    if (keeps) return;
    dst.name = 0;
    dst.is_sum = false;
    dst.number.cut();
}

void Walk::arithmetic(const DecodedInsn& insn) {
    Value& dst = reg(insn.dst);
    if (insn.op == Op::MOV) return move(insn, dst);
    if (insn.family == ebpf::Family::swap) {
        dst = Value::of(dst.kind == Kind::number ? swapped(insn.op, insn.bytes, dst.number)
                                                 : Scalar{});
        return;
    }
    if (insn.family == ebpf::Family::negate) {
        const Value value = dst;
        dst = Value::of({});
        if (value.kind == Kind::number)
            dst = Value::of(combine(Op::SUB, insn.is_wide, Scalar::known(0), value.number));
        return;
    }
    const Value left = dst, right = insn.has_immediate ? immediate(insn) : reg(insn.src);
    if (is_pointer(left) || is_pointer(right)) return arithmetic_on_pointer(insn, dst, left, right);
    dst = Value::of(combine(insn.op, insn.is_wide, left.number, right.number));
    const bool adds = insn.op == Op::ADD, takes = insn.op == Op::SUB;
    if (!(adds || takes) || !insn.is_wide || left.name == 0 || left.is_sum) return;
    const auto by = static_cast<int64_t>(right.number.bits.value);
    if (!right.number.is_known() || by > INT32_MAX || by <= INT32_MIN) return;
    dst.name = left.name;
    dst.is_sum = true;
    dst.offset = static_cast<int32_t>(adds ? by : -by);
}

void Walk::arithmetic_on_pointer(const DecodedInsn& insn, Value& dst, const Value& left,
                                 const Value& right) {
    const bool adds = insn.op == Op::ADD || (insn.op == Op::SUB && is_pointer(left));
    if (!adds || !insn.is_wide || (is_pointer(left) && is_pointer(right))) {
        dst = Value::of({});
        return;
    }
    const Value& pointer = is_pointer(left) ? left : right;
    const Value& by = is_pointer(left) ? right : left;
    if (!insn.has_immediate) need(1U << (is_pointer(left) ? insn.src : insn.dst));
    Value sum = pointer;
    const int64_t known = static_cast<int64_t>(by.number.bits.value);
    const int64_t offset = pointer.offset + (insn.op == Op::SUB ? -known : known);
    if (by.number.is_known() && offset >= INT32_MIN && offset <= INT32_MAX) {
        sum.offset = static_cast<int32_t>(offset);
    } else {
        sum.number = combine(insn.op, true, pointer.number, by.number);
        if (pointer.kind == Kind::packet) {
            sum.name = new_name();
            sum.range = 0;
        }
    }
    dst = sum;
}

int Walk::decided_branch(const DecodedInsn& insn, const Value& a, const Value& b) const {
    if (a.kind == Kind::number && b.kind == Kind::number)
        return decided(insn.op, insn.is_wide, a.number, b.number);
    const bool is_null_test = insn.is_wide && b.kind == Kind::number && b.number.is_known() &&
                              b.number.bits.value == 0 &&
                              (insn.op == Op::JEQ || insn.op == Op::JNE);
    if (is_null_test && (a.kind == Kind::map_value || a.kind == Kind::frame))
        return insn.op == Op::JNE ? 1 : 0;
    if (is_packet(a) && is_packet(b) && a.kind != b.kind) {
        const bool turn = a.kind == Kind::packet_end;
        const int32_t range = turn ? b.range : a.range;
        const Op op = turn ? ebpf::mirrored(insn.op) : insn.op;
        if (range == kBehindEnd && (op == Op::JLE || op == Op::JGT)) return op == Op::JGT ? 1 : 0;
        if (range < 0 && (op == Op::JLT || op == Op::JGE)) return op == Op::JGE ? 1 : 0;
    }
    return -1;
}

Walk::Next Walk::branch(const Step& step) {
    const DecodedInsn& insn = step.insn;
    const Value a = reg(insn.dst), b = insn.has_immediate ? immediate(insn) : reg(insn.src);
    const int outcome = decided_branch(insn, a, b);
    const uint32_t next = code_.next(at_);
    if (outcome >= 0) {
        need((1U << insn.dst) | (insn.has_immediate ? 0 : 1U << insn.src));
        at_ = outcome == 1 ? step.target : next;
        return Next::go_on;
    }
    link(insn, a, b);
    if (path_.parent != Path::kNoKept) ++kept_[path_.parent].open;
    pending_.push_back({path_, step.target});
    most_pending_ = std::max<uint64_t>(most_pending_, pending_.size());
    split(insn, pending_.back().path);
    at_ = next;
    return Next::go_on;
}

/// Values that change together are precise together, as many as the verifier can write down.
void Walk::link(const DecodedInsn& insn, const Value& a, const Value& b) {
    Trail& here = path_.trail.back();
    unsigned count = 0;
    const auto is_linked = [&](Value& value) {
        if (value.kind != Kind::number || value.name == 0) return false;
        if (value.name != a.name && (insn.has_immediate || value.name != b.name)) return false;
        if (++count <= kMostLinked) return true;
        value.name = 0;
        value.is_sum = false;
        return false;
    };
    FunctionState& top = path_.top();
    for (unsigned i = 0; i < ebpf::kFrame; ++i)
        if (is_linked(top.regs[i])) here.linked |= static_cast<uint16_t>(1U << i);
    for (unsigned i = 0; i < top.slots.size(); ++i)
        if (top.slots[i].is_spilled() && is_linked(top.slots[i].value))
            here.linked_slots |= uint64_t{1} << i;
    if (count > 1) return note(0, Trail::kNoSlot);
    here.linked = 0;
    here.linked_slots = 0;
}

/// Tells both ways of a branch what it has decided.
void Walk::split(const DecodedInsn& insn, Path& taken) {
    Value& a = reg(insn.dst);
    Value& other_a = taken.top().regs[insn.dst];
    Value right = insn.has_immediate ? immediate(insn) : reg(insn.src), other_right = right;
    if (a.kind == Kind::number && right.kind == Kind::number) {
        learn(insn.op, insn.is_wide, false, a.number, right.number);
        learn(insn.op, insn.is_wide, true, other_a.number, other_right.number);
        if (!insn.has_immediate) {
            reg(insn.src).number = right.number;
            taken.top().regs[insn.src].number = other_right.number;
            spread(path_, reg(insn.src));
            spread(taken, taken.top().regs[insn.src]);
        }
        spread(path_, reg(insn.dst));
        spread(taken, taken.top().regs[insn.dst]);
        return;
    }
    if (a.kind == Kind::map_value_or_null && right.kind == Kind::number) {
        const uint32_t name = a.name;
        decide_null(path_, name, insn.op == Op::JNE);
        decide_null(taken, name, insn.op == Op::JEQ);
        return;
    }
    if (!is_packet(a) || !is_packet(right) || a.kind == right.kind) return;
    const bool turn = a.kind == Kind::packet_end;
    compare_with_end(turn ? ebpf::mirrored(insn.op) : insn.op, turn ? insn.src : insn.dst, path_,
                     taken);
}

}  // namespace vfm::bpf
