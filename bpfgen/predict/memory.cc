// The walk: loads, stores and what helpers do.
#include <algorithm>
#include <bit>

#include "bpfgen/predict/walk.h"

namespace vfm::bpf {
namespace {

using ebpf::DecodedInsn;
using ebpf::Op;

constexpr int64_t kLowest = -512;

bool is_in_frame(int64_t off, unsigned bytes) { return off >= kLowest && off + bytes <= 0; }
unsigned slot_of(int64_t off) { return static_cast<unsigned>((-off - 1) / 8); }
/// Of the byte within its slot.
unsigned byte_of(int64_t off) { return static_cast<unsigned>(off + 8 * (slot_of(off) + 1)); }

/// Of a number that fits they are the number itself, and known to be.
Value low_bytes(const Value& value, unsigned bytes) {
    if (value.kind != Kind::number) return Value::of(Scalar::of_bytes(bytes));
    if (value.number.most <= Scalar::of_bytes(bytes).most) return value;
    if (bytes != 4) return Value::of(Scalar::of_bytes(bytes));
    Value low = Value::of(value.number);
    low.number.cut();
    return low;
}

constexpr int16_t kXdpData = 0, kXdpEnd = 4, kSkbData = 76, kSkbEnd = 80;

}  // namespace

void Walk::load(const DecodedInsn& insn) {
    const Value base = reg(insn.src);
    reg(insn.dst) = loaded(insn, base);
}

Value Walk::loaded(const DecodedInsn& insn, const Value& base) {
    if (base.kind == Kind::context) return loaded_from_context(insn);
    if (base.kind == Kind::frame) return loaded_from_frame(insn, base);
    if (base.kind == Kind::map_value && base.map == kDataMap && base.number.is_known()) {
        // Nobody writes the constants: they are numbers.
        const Bytes& data = code_.program->data;
        const int64_t at =
            int64_t{base.offset} + insn.off + static_cast<int64_t>(base.number.bits.value);
        if (at >= 0 && at + insn.bytes <= std::ssize(data)) {
            uint64_t value = 0;
            for (unsigned i = 0; i < insn.bytes; ++i)
                value |= uint64_t{data[static_cast<size_t>(at) + i]} << 8 * i;
            return Value::of(Scalar::known(value));
        }
    }
    return Value::of(Scalar::of_bytes(insn.bytes));
}

Value Walk::loaded_from_context(const DecodedInsn& insn) const {
    const bool is_xdp = code_.program->hook == Hook::xdp;
    if (insn.off == (is_xdp ? kXdpData : kSkbData)) return Value::pointer(Kind::packet);
    if (insn.off == (is_xdp ? kXdpEnd : kSkbEnd)) return Value::pointer(Kind::packet_end);
    return Value::of(Scalar::of_bytes(insn.bytes));
}

Value Walk::loaded_from_frame(const DecodedInsn& insn, const Value& base) {
    const int64_t off = int64_t{base.offset} + insn.off;
    if (!is_in_frame(off, insn.bytes)) return Value::of(Scalar::of_bytes(insn.bytes));
    const unsigned index = slot_of(off), first = byte_of(off);
    if (base.frame == 0) slots_read_ |= uint64_t{1} << index;
    Slot& slot = path_.frames[base.frame].slot(index);
    if (slot.is_spilled()) {
        note(base.frame, static_cast<uint8_t>(index));
        const auto spilled =
            static_cast<unsigned>(std::ranges::count(slot.bytes, ByteKind::spilled));
        if (first == 0 && insn.bytes == spilled) {
            name(slot.value);
            return slot.value;
        }
        if (first == 0 && insn.bytes < spilled) return low_bytes(slot.value, insn.bytes);
        return Value::of(Scalar::of_bytes(insn.bytes));
    }
    bool zero = true;
    for (unsigned i = first; i < std::min(first + insn.bytes, 8U); ++i)
        zero &= slot.bytes[i] == ByteKind::zero;
    return Value::of(zero ? Scalar::known(0) : Scalar::of_bytes(insn.bytes));
}

void Walk::store(const DecodedInsn& insn) {
    const Value base = reg(insn.dst);
    if (base.kind != Kind::frame) return;
    if (insn.family == ebpf::Family::store) {
        if (insn.bytes == 8) name(reg(insn.src));
        store_in_frame(insn, base, reg(insn.src));
    } else {
        store_in_frame(insn, base, Value::of(Scalar::known(insn.imm)));
    }
}

void Walk::store_in_frame(const DecodedInsn& insn, const Value& base, const Value& value) {
    const int64_t off = int64_t{base.offset} + insn.off;
    if (!is_in_frame(off, insn.bytes)) return;
    const unsigned index = slot_of(off), first = byte_of(off);
    if (base.frame == 0 && first == 0 && insn.bytes == 8) slots_written_ |= uint64_t{1} << index;
    Slot& slot = path_.frames[base.frame].slot(index);
    const bool is_number = value.kind == Kind::number;
    if (first == 0 && (insn.bytes == 8 || is_number)) {
        note(base.frame, static_cast<uint8_t>(index));
        if (insn.bytes == 8) slot.bytes.fill(ByteKind::unset);
        for (ByteKind& kind : slot.bytes)
            if (kind == ByteKind::spilled) kind = ByteKind::any;
        for (unsigned i = 0; i < insn.bytes; ++i) slot.bytes[i] = ByteKind::spilled;
        slot.value = value;
        if (insn.bytes < 8) {
            const uint64_t mask = (uint64_t{1} << 8 * insn.bytes) - 1;
            slot.value = value.number.is_known()
                             ? Value::of(Scalar::known(value.number.bits.value & mask))
                             : Value::of(Scalar::of_bytes(insn.bytes));
        }
        return;
    }
    const bool is_zero = is_number && value.number.is_known() && value.number.bits.value == 0;
    if (is_zero && insn.family == ebpf::Family::store) need(1U << insn.src);
    for (ByteKind& kind : slot.bytes)
        if (kind == ByteKind::spilled) kind = ByteKind::any;
    for (unsigned i = first; i < std::min(first + insn.bytes, 8U); ++i)
        slot.bytes[i] = is_zero ? ByteKind::zero : ByteKind::any;
}

void Walk::exchange(const DecodedInsn& insn) {
    const Value base = reg(insn.dst);
    if (base.kind == Kind::frame) {
        const Value number = Value::of(Scalar::of_bytes(insn.bytes));
        DecodedInsn write = insn;
        write.family = ebpf::Family::store_imm;
        store_in_frame(write, base, number);
    }
    if (insn.op == Op::CMPXCHG)
        reg(0) = Value::of(Scalar::of_bytes(insn.bytes));
    else if (ebpf::row_of(insn.op).selector & BPF_FETCH)
        reg(insn.src) = Value::of(Scalar::of_bytes(insn.bytes));
}

/// A number that stands in the frame as just these bytes; what holds it is precise then.
std::optional<uint64_t> Walk::constant_at(uint8_t frame, int64_t off, unsigned bytes) {
    if (!is_in_frame(off, bytes)) return std::nullopt;
    const unsigned index = slot_of(off), first = byte_of(off);
    const Slot& slot = path_.frames[frame].slot(index);
    bool zero = first + bytes <= 8;
    for (unsigned i = first; i < std::min(first + bytes, 8U); ++i)
        zero &= slot.bytes[i] == ByteKind::zero;
    if (zero) return 0;
    const auto spilled = static_cast<unsigned>(std::ranges::count(slot.bytes, ByteKind::spilled));
    if (!slot.is_number() || spilled != bytes || !slot.value.number.is_known()) return std::nullopt;
    Marks wanted;
    wanted.slots[frame] = uint64_t{1} << index;
    mark_precise(code_, kept_, path_, wanted, 1);
    return slot.value.number.bits.value;
}

/// Of an array every value is there: an element whose number is known cannot be missing.
Value Walk::found_in_map() {
    const Value map = reg(1), key = reg(2);
    if (map.kind != Kind::map) return Value::of({});
    Value found = Value::pointer(Kind::map_value_or_null, map.map);
    const Map& declared = code_.program->maps[map.map];
    const bool is_array =
        declared.type == BPF_MAP_TYPE_ARRAY || declared.type == BPF_MAP_TYPE_PERCPU_ARRAY;
    if (is_array && key.kind == Kind::frame) {
        const auto index = constant_at(key.frame, key.offset, declared.key_size);
        if (index && *index < declared.max_entries) found.kind = Kind::map_value;
    }
    if (found.kind == Kind::map_value_or_null) found.name = new_name();
    return found;
}

/// A key or a value in the frame.
void Walk::read_arguments(const Step& step) {
    const Value& map = reg(1);
    if (map.kind != Kind::map) return;
    const Map& declared = code_.program->maps[map.map];
    const unsigned count = helper_arguments(step.insn.imm).value_or(0);
    const auto reads = [&](const Value& at, uint32_t bytes) {
        if (at.kind == Kind::frame && at.frame == 0)
            slots_read_ |= slots_of_frame(at.offset, bytes);
    };
    if (count > 1) reads(reg(2), declared.key_size);
    if (count > 2) reads(reg(3), declared.value_size);
}

Walk::Next Walk::call(const Step& step) {
    if (step.insn.op == Op::CALL_LOCAL &&
        std::ranges::binary_search(code_.program->subprograms, step.target, {},
                                   &Subprogram::insn)) {
        std::fill_n(path_.top().regs.begin(), 6, Value{});
        reg(0) = Value::of({});
        at_ = code_.next(at_);
        return Next::go_on;
    }
    if (step.insn.op == Op::CALL_LOCAL) {
        if (path_.frames.size() == kMostFrames) return Next::unknown;
        FunctionState inner;
        inner.called_from = at_;
        std::copy_n(path_.top().regs.begin() + 1, 5, inner.regs.begin() + 1);
        inner.regs[ebpf::kFrame] = Value::pointer(Kind::frame);
        inner.regs[ebpf::kFrame].frame = static_cast<uint8_t>(path_.frames.size());
        std::fill_n(path_.top().regs.begin(), 6, Value{});
        path_.frames.push_back(std::move(inner));
        at_ = step.target;
        return Next::go_on;
    }
    read_arguments(step);
    Value result = Value::of({});
    switch (step.insn.imm) {
        case BPF_FUNC_map_lookup_elem:
            result = found_in_map();
            break;
        case BPF_FUNC_xdp_load_bytes:
        case BPF_FUNC_skb_load_bytes:
            need(1U << 4);
            break;
        case BPF_FUNC_tail_call:  // with a number that is known it becomes a jump
            need(1U << 3);
            break;
        case BPF_FUNC_skb_pull_data:  // the packet may stand elsewhere now
            for_values(path_, [](Value& value) {
                if (value.kind == Kind::packet || value.kind == Kind::packet_end)
                    value = Value::of({});
            });
            break;
        default:
            break;
    }
    // What a helper writes to the frame is no known number any more.
    if (step.insn.imm == BPF_FUNC_xdp_load_bytes || step.insn.imm == BPF_FUNC_skb_load_bytes) {
        const Value to = reg(3), size = reg(4);
        if (to.kind == Kind::frame)
            for (int64_t off = to.offset;
                 off < std::min<int64_t>(0, to.offset + static_cast<int64_t>(std::min<uint64_t>(
                                                            size.number.most, 512)));
                 ++off) {
                DecodedInsn write;
                write.family = ebpf::Family::store_imm;
                write.bytes = 1;
                Value place = to;
                place.offset = static_cast<int32_t>(off);
                Value byte = Value::of(Scalar::of_bytes(1));
                byte.kind = Kind::unset;
                store_in_frame(write, place, byte);
            }
    }
    std::fill_n(path_.top().regs.begin(), 6, Value{});
    reg(0) = result;
    at_ = code_.next(at_);
    return Next::go_on;
}

void Walk::leave() {
    const Value result = reg(0);
    const uint32_t from = path_.top().called_from;
    path_.frames.pop_back();
    reg(0) = result;
    at_ = code_.next(from);
}

}  // namespace vfm::bpf
