#include "bpfgen/predict/state.h"

#include <algorithm>

namespace vfm::bpf {

Value Value::of(const Scalar& number) {
    Value value;
    value.kind = Kind::number;
    value.number = number;
    return value;
}

Value Value::pointer(Kind kind, uint32_t map, int32_t offset) {
    Value value;
    value.kind = kind;
    value.map = map;
    value.offset = offset;
    value.number = Scalar::known(0);
    return value;
}

Slot& FunctionState::slot(unsigned index) {
    if (slots.size() <= index) slots.resize(index + 1);
    return slots[index];
}

bool Marks::empty() const {
    return std::ranges::all_of(regs, [](uint16_t mask) { return mask == 0; }) &&
           std::ranges::all_of(slots, [](uint64_t mask) { return mask == 0; });
}

namespace {

/// Names of one state that stand for names of another.
class Naming {
  public:
    bool same(uint32_t then, uint32_t now) {
        if ((then == 0) != (now == 0)) return false;
        if (then == 0) return true;
        for (const auto& [a, b] : pairs_) {
            if (a == then) return b == now;
            if (b == now) return false;
        }
        pairs_.push_back({then, now});
        return true;
    }
    // What knew of no others takes each that has some.
    bool same_number(const Value& then, const Value& now) {
        if (then.name == 0) return true;
        if (then.is_sum != now.is_sum || (then.is_sum && then.offset != now.offset)) return false;
        return same(then.name, now.name == 0 ? --fresh_ : now.name);
    }

  private:
    std::vector<std::pair<uint32_t, uint32_t>> pairs_;
    uint32_t fresh_ = ~uint32_t{0};
};

bool covers_value(const Value& then, const Value& now, bool precise, Naming& naming) {
    if (then.kind == Kind::unset) return true;
    if (then.kind != now.kind) return false;
    switch (then.kind) {
        case Kind::number:
            if (!precise) return true;
            return naming.same_number(then, now) && then.number.holds(now.number);
        case Kind::packet:
            if (then.range < 0 || now.range < 0 ? then.range != now.range : then.range > now.range)
                return false;
            return then.offset == now.offset && naming.same(then.name, now.name) &&
                   then.number.holds(now.number);
        case Kind::map_value:
        case Kind::map_value_or_null:
            return then.map == now.map && then.offset == now.offset &&
                   naming.same(then.name, now.name) && then.number.holds(now.number);
        default:
            return then.map == now.map && then.offset == now.offset && then.frame == now.frame &&
                   then.number.holds(now.number);
    }
}

const Value& any_number() {
    static const Value value = Value::of({});
    return value;
}

/// Bytes of which nothing is known.
bool says_nothing(const Slot& slot) {
    return std::ranges::all_of(
        slot.bytes, [](ByteKind kind) { return kind == ByteKind::any || kind == ByteKind::unset; });
}

/// A slot read as one number: all of it spilled, or bytes of which nothing is known.
const Value* as_number(const Slot& slot) {
    if (slot.bytes[7] == ByteKind::spilled && slot.value.kind == Kind::number) return &slot.value;
    return says_nothing(slot) ? &any_number() : nullptr;
}

bool covers_slot(const Slot& then, const Slot& now, bool precise, Naming& naming) {
    const Value* before = as_number(then);
    const Value* after = as_number(now);
    if (std::ranges::all_of(then.bytes, [](ByteKind k) { return k == ByteKind::unset; }))
        return true;
    if (before && after) return covers_value(*before, *after, precise, naming);
    for (unsigned i = 0; i < 8; ++i) {
        if (then.bytes[i] == ByteKind::unset || then.bytes[i] == ByteKind::any) continue;
        if (then.bytes[i] != now.bytes[i]) return false;
    }
    if (then.is_spilled()) return covers_value(then.value, now.value, precise, naming);
    return true;
}

uint32_t place_of(const Kept& kept, size_t frame) {
    return frame + 1 == kept.frames.size() ? kept.at : kept.frames[frame + 1].called_from;
}

bool covers_frame(uint64_t live_slots, uint32_t live, const FunctionState& then,
                  const FunctionState& now, const Marks& precise, size_t frame, Naming& naming) {
    for (unsigned reg = 0; reg < then.regs.size(); ++reg) {
        if (!(live >> reg & 1)) continue;
        if (!covers_value(then.regs[reg], now.regs[reg], precise.regs[frame] >> reg & 1, naming))
            return false;
    }
    for (unsigned i = 0; i < then.slots.size(); ++i) {
        if (!(live_slots >> i & 1)) continue;
        // A frame that does not reach so far holds no number there, not even an unknown one.
        if (i >= now.slots.size()) {
            if (!says_nothing(then.slots[i])) return false;
        } else if (!covers_slot(then.slots[i], now.slots[i], precise.slots[frame] >> i & 1,
                                naming)) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool covers(const Code& code, const Kept& then, const Path& now) {
    if (then.frames.size() != now.frames.size()) return false;
    Naming naming;
    for (size_t frame = 0; frame < then.frames.size(); ++frame) {
        if (then.frames[frame].called_from != now.frames[frame].called_from) return false;
        const uint32_t at = place_of(then, frame);
        const bool is_top = frame + 1 == then.frames.size();
        // What a caller still reads is what is read behind its call.
        const Step& step = code.steps[is_top ? at : code.next(at)];
        const uint32_t live = is_top ? step.live : step.live & ~uint32_t{0b111111};
        const uint64_t live_slots = is_top ? then.live_slots : step.live_slots;
        if (!covers_frame(live_slots, live, then.frames[frame], now.frames[frame], then.precise,
                          frame, naming))
            return false;
    }
    return true;
}

}  // namespace vfm::bpf
