#include "userspace/ebpf/run.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace vfm::ebpf {
namespace {

/// The verifier's limit for offsets of pointers.
constexpr int64_t kMaxPointerOffset = int64_t{1} << 29;

unsigned access_size(const bpf_insn& insn) {
    switch (BPF_SIZE(insn.code)) {
        case BPF_B:
            return 1;
        case BPF_H:
            return 2;
        case BPF_W:
            return 4;
        default:
            return 8;
    }
}

template <class T>
T arithmetic(uint8_t op, T a, T b) {
    constexpr T kShiftMask = sizeof(T) * 8 - 1;
    switch (op) {
        case BPF_ADD:
            return a + b;
        case BPF_SUB:
            return a - b;
        case BPF_MUL:
            return a * b;
        case BPF_DIV:
            return b == 0 ? 0 : a / b;
        case BPF_MOD:
            return b == 0 ? a : a % b;
        case BPF_OR:
            return a | b;
        case BPF_AND:
            return a & b;
        case BPF_XOR:
            return a ^ b;
        case BPF_LSH:
            return a << (b & kShiftMask);
        case BPF_RSH:
            return a >> (b & kShiftMask);
        case BPF_ARSH:
            return static_cast<T>(static_cast<std::make_signed_t<T>>(a) >> (b & kShiftMask));
        case BPF_NEG:
            return T{0} - a;
        default:
            return b;  // BPF_MOV
    }
}

/// BPF_TO_LE cuts to the width on a little-endian host, BPF_TO_BE also swaps.
uint64_t swap_bytes(const bpf_insn& insn, uint64_t value) {
    const bool swap = BPF_SRC(insn.code) == BPF_TO_BE;
    switch (insn.imm) {
        case 16: {
            const auto cut = static_cast<uint16_t>(value);
            return swap ? std::byteswap(cut) : cut;
        }
        case 32: {
            const auto cut = static_cast<uint32_t>(value);
            return swap ? std::byteswap(cut) : cut;
        }
        default:
            return swap ? std::byteswap(value) : value;
    }
}

template <class Unsigned>
bool holds(uint8_t op, Unsigned a, Unsigned b) {
    using Signed = std::make_signed_t<Unsigned>;
    const auto x = static_cast<Signed>(a), y = static_cast<Signed>(b);
    switch (op) {
        case BPF_JEQ:
            return a == b;
        case BPF_JNE:
            return a != b;
        case BPF_JGT:
            return a > b;
        case BPF_JGE:
            return a >= b;
        case BPF_JLT:
            return a < b;
        case BPF_JLE:
            return a <= b;
        case BPF_JSGT:
            return x > y;
        case BPF_JSGE:
            return x >= y;
        case BPF_JSLT:
            return x < y;
        case BPF_JSLE:
            return x <= y;
        default:
            return (a & b) != 0;  // BPF_JSET
    }
}

}  // namespace

Run::Run(Context context, std::span<const bpf_insn> insns, std::span<Map> maps, ByteView data,
         Frame& frame, RandomSequence& random, const Input& input)
    : context_(context),
      insns_(insns),
      maps_(maps),
      data_(data),
      frame_(frame),
      random_(random),
      input_(input),
      linear_(std::min(input.linear, input.bytes.size())) {
    frame_.clear();
    regs_[BPF_REG_1] = {0, Kind::context, 0, 0};
    regs_[BPF_REG_10] = {0, Kind::frame, 0, 0};
}

std::expected<uint64_t, Fault> Machine::run(const Input& input) {
    Run run(context_, insns_, maps_, data_, frame_, random_, input);
    auto result = run.execute();
    if (result) exit_pc_ = run.pc();
    steps_ = run.steps();
    return result;
}

std::expected<uint64_t, Fault> Run::execute() {
    while (steps_ < Machine::kStepLimit) {
        ++steps_;
        if (!step(insns_[pc_])) return std::unexpected(Fault{pc_, std::move(reason_)});
        if (done_) return regs_[BPF_REG_0].bits;
    }
    return std::unexpected(Fault{pc_, "step limit"});
}

bool Run::stop(std::string reason) {
    reason_ = std::move(reason);
    return false;
}

bool Run::step(const bpf_insn& insn) {
    switch (BPF_CLASS(insn.code)) {
        case BPF_ALU:
        case BPF_ALU64:
            return alu(insn);
        case BPF_JMP:
        case BPF_JMP32:
            return branch(insn);
        case BPF_LDX:
            return load(insn);
        case BPF_ST:
            return store(insn);
        case BPF_STX:
            return BPF_MODE(insn.code) == BPF_ATOMIC ? atomic(insn) : store(insn);
        default:
            return load_immediate(insn);
    }
}

bool Run::initialised(unsigned reg) {
    return regs_[reg].kind != Kind::uninitialised ||
           stop(fmt::format("r{} is read before it is written", reg));
}

bool Run::operand(const bpf_insn& insn, Value& out) {
    if (BPF_SRC(insn.code) == BPF_K) {
        out = Value::scalar(static_cast<uint64_t>(int64_t{insn.imm}));
        return true;
    }
    if (!initialised(insn.src_reg)) return false;
    out = regs_[insn.src_reg];
    return true;
}

bool Run::load_immediate(const bpf_insn& insn) {
    if (insn.src_reg == BPF_PSEUDO_MAP_IDX)
        regs_[insn.dst_reg] = {0, Kind::map, static_cast<uint16_t>(insn.imm), 0};
    else if (insn.src_reg == BPF_PSEUDO_MAP_IDX_VALUE)
        regs_[insn.dst_reg] = {static_cast<uint32_t>(insn.imm), Kind::data, 0, 0};
    else
        regs_[insn.dst_reg] =
            Value::scalar(static_cast<uint32_t>(insn.imm) |
                          uint64_t{static_cast<uint32_t>(insns_[pc_ + 1].imm)} << 32);
    pc_ += 2;
    return true;
}

bool Run::alu(const bpf_insn& insn) {
    const uint8_t op = BPF_OP(insn.code);
    const bool wide = BPF_CLASS(insn.code) == BPF_ALU64;
    Value& target = regs_[insn.dst_reg];
    if (op != BPF_MOV && !initialised(insn.dst_reg)) return false;
    if (op == BPF_END) {
        if (!target.is_scalar()) return stop("byte swap of a pointer");
        target = Value::scalar(swap_bytes(insn, target.bits));
        ++pc_;
        return true;
    }
    Value source;
    if (!operand(insn, source)) return false;
    if (op == BPF_MOV && wide) {
        target = source;
    } else if (source.is_scalar() && (op == BPF_MOV || target.is_scalar())) {
        const uint64_t a = op == BPF_MOV ? 0 : target.bits;
        target = Value::scalar(wide ? arithmetic<uint64_t>(op, a, source.bits)
                                    : arithmetic<uint32_t>(op, static_cast<uint32_t>(a),
                                                           static_cast<uint32_t>(source.bits)));
    } else if (!wide) {
        return stop("32-bit arithmetic on a pointer");
    } else if (!pointer_alu(insn, source)) {
        return false;
    }
    ++pc_;
    return true;
}

bool Run::pointer_alu(const bpf_insn& insn, const Value& source) {
    const uint8_t op = BPF_OP(insn.code);
    Value& target = regs_[insn.dst_reg];
    if (op == BPF_SUB && target.is_packet() && source.is_packet()) {
        if (target.within != generation_ || source.within != generation_)
            return stop("a packet pointer from before the packet moved");
        target = Value::scalar(target.bits - source.bits);
        return true;
    }
    const bool moves = (op == BPF_ADD && target.is_movable() != source.is_movable() &&
                        (target.is_scalar() || source.is_scalar())) ||
                       (op == BPF_SUB && target.is_movable() && source.is_scalar());
    if (!moves)
        return stop(fmt::format("arithmetic on a {} and a {}", kind_name(target.kind),
                                kind_name(source.kind)));
    Value moved = target.is_movable() ? target : source;
    moved.bits = op == BPF_ADD ? target.bits + source.bits : target.bits - source.bits;
    if (moved.offset() >= kMaxPointerOffset || moved.offset() <= -kMaxPointerOffset)
        return stop("a pointer moved too far");
    target = moved;
    return true;
}

bool Run::compare_pointers(const bpf_insn& insn, const Value& a, const Value& b, bool& taken) {
    const uint8_t op = BPF_OP(insn.code);
    if (BPF_CLASS(insn.code) == BPF_JMP32) return stop("32-bit comparison of a pointer");
    if (a.is_packet() && b.is_packet()) {
        if (a.within != generation_ || b.within != generation_)
            return stop("a packet pointer from before the packet moved");
        if (op == BPF_JSET) return stop("test of bits of a pointer");
        taken = holds(op, a.offset() < 0 ? 0 : a.bits, b.offset() < 0 ? 0 : b.bits);
        return true;
    }
    const bool null_test = a.kind == Kind::map_value && b.is_scalar() && b.bits == 0 &&
                           (op == BPF_JEQ || op == BPF_JNE);
    if (!null_test)
        return stop(
            fmt::format("comparison of a {} and a {}", kind_name(a.kind), kind_name(b.kind)));
    taken = op == BPF_JNE;
    return true;
}

bool Run::branch(const bpf_insn& insn) {
    const bool wide = BPF_CLASS(insn.code) == BPF_JMP;
    switch (BPF_OP(insn.code)) {
        case BPF_EXIT:
            if (!initialised(BPF_REG_0)) return false;
            if (!regs_[BPF_REG_0].is_scalar()) return stop("exit with a pointer in r0");
            done_ = true;
            return true;
        case BPF_CALL:
            if (!call(insn.imm)) return false;
            ++pc_;
            return true;
        case BPF_JA:
            pc_ += 1 + static_cast<uint32_t>(wide ? insn.off : insn.imm);
            return true;
        default:
            break;
    }
    Value b;
    if (!initialised(insn.dst_reg) || !operand(insn, b)) return false;
    const Value& a = regs_[insn.dst_reg];
    bool taken = false;
    if (!a.is_scalar() || !b.is_scalar()) {
        if (!compare_pointers(insn, a, b, taken)) return false;
    } else if (wide) {
        taken = holds<uint64_t>(BPF_OP(insn.code), a.bits, b.bits);
    } else {
        taken = holds<uint32_t>(BPF_OP(insn.code), static_cast<uint32_t>(a.bits),
                                static_cast<uint32_t>(b.bits));
    }
    pc_ += 1 + (taken ? static_cast<uint32_t>(insn.off) : 0);
    return true;
}

bool Run::load(const bpf_insn& insn) {
    if (!initialised(insn.src_reg)) return false;
    const Value base = regs_[insn.src_reg];
    const unsigned size = access_size(insn);
    Value& target = regs_[insn.dst_reg];
    if (base.kind == Kind::context) {
        if (!load_context(target, base.offset() + insn.off, size)) return false;
        ++pc_;
        return true;
    }
    if (base.kind == Kind::frame) {
        const int at = frame_index(base, insn.off, size);
        if (at < 0) return false;
        if (at % static_cast<int>(size) != 0) return stop("misaligned stack access");
        if (const Value* spilled = frame_.spilled(static_cast<unsigned>(at))) {
            if (size != 8) return stop("part of a spilled pointer is read");
            target = *spilled;
            ++pc_;
            return true;
        }
    }
    const uint8_t* bytes = readable(base, insn.off, size);
    if (!bytes) return false;
    target = Value::scalar(load_le(bytes, size));
    ++pc_;
    return true;
}

bool Run::store(const bpf_insn& insn) {
    if (!initialised(insn.dst_reg)) return false;
    const Value base = regs_[insn.dst_reg];
    const unsigned size = access_size(insn);
    Value value = Value::scalar(static_cast<uint64_t>(int64_t{insn.imm}));
    if (BPF_CLASS(insn.code) == BPF_STX) {
        if (!initialised(insn.src_reg)) return false;
        value = regs_[insn.src_reg];
    }
    if (base.kind == Kind::frame) {
        const int at = frame_index(base, insn.off, size);
        if (at < 0) return false;
        if (at % static_cast<int>(size) != 0) return stop("misaligned stack access");
        if (!value.is_scalar()) {
            if (size != 8) return stop("part of a pointer is stored");
            frame_.spill(static_cast<unsigned>(at), value);
            ++pc_;
            return true;
        }
    }
    if (!value.is_scalar()) return stop("a pointer is stored outside the stack");
    uint8_t* bytes = writable(base, insn.off, size);
    if (!bytes) return false;
    std::memcpy(bytes, &value.bits, size);
    ++pc_;
    return true;
}

bool Run::atomic(const bpf_insn& insn) {
    if (!initialised(insn.dst_reg) || !initialised(insn.src_reg)) return false;
    const unsigned size = access_size(insn);
    const Value base = regs_[insn.dst_reg];
    const bool compares = insn.imm == BPF_CMPXCHG;
    if (compares && !initialised(BPF_REG_0)) return false;
    if (!regs_[insn.src_reg].is_scalar() || (compares && !regs_[BPF_REG_0].is_scalar()))
        return stop("atomic operation with a pointer");
    if ((base.offset() + insn.off) % static_cast<int64_t>(size) != 0)
        return stop("misaligned atomic operation");
    const uint8_t* current = readable(base, insn.off, size);
    uint8_t* bytes = current ? writable(base, insn.off, size) : nullptr;
    if (!bytes) return false;
    const uint64_t mask = size == 4 ? UINT32_MAX : UINT64_MAX;
    const uint64_t old = load_le(bytes, size);
    const uint64_t source = regs_[insn.src_reg].bits & mask;
    uint64_t next = source;  // BPF_XCHG
    if (compares)
        next = old == (regs_[BPF_REG_0].bits & mask) ? source : old;
    else if (insn.imm != BPF_XCHG)
        next = arithmetic<uint64_t>(static_cast<uint8_t>(insn.imm & ~BPF_FETCH), old, source);
    std::memcpy(bytes, &next, size);
    if (compares)
        regs_[BPF_REG_0] = Value::scalar(old);
    else if (insn.imm & BPF_FETCH)
        regs_[insn.src_reg] = Value::scalar(old);
    ++pc_;
    return true;
}

}  // namespace vfm::ebpf
