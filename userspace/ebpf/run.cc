#include "userspace/ebpf/run.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "core/ebpf/arithmetic.h"

namespace vfm::ebpf {
namespace {

/// The verifier's limit for offsets of pointers.
constexpr int64_t kMaxPointerOffset = int64_t{1} << 29;

// Of 1, 2, 4 or 8 bytes each has an instruction of its own; of a number that is known later, none.
uint64_t value_at(const uint8_t* bytes, unsigned size) {
    switch (size) {
        case 1:
            return *bytes;
        case 2:
            return load_le<uint16_t>(bytes);
        case 4:
            return load_le<uint32_t>(bytes);
        default:
            return load_le<uint64_t>(bytes);
    }
}

void put_value(uint8_t* bytes, uint64_t value, unsigned size) {
    switch (size) {
        case 1:
            *bytes = static_cast<uint8_t>(value);
            return;
        case 2:
            std::memcpy(bytes, &value, 2);
            return;
        case 4:
            std::memcpy(bytes, &value, 4);
            return;
        default:
            std::memcpy(bytes, &value, 8);
    }
}

}  // namespace

Run::Run(const Parts& parts, const Input& input)
    : context_(parts.context),
      insns_(parts.insns),
      maps_(parts.maps),
      data_(parts.data),
      entries_(parts.entries),
      frames_(parts.frames),
      random_(parts.random),
      input_(input),
      linear_(std::min(input.linear, input.bytes.size())) {
    begin(0);
}

void Run::begin(uint32_t pc) {
    frames_[0].clear();
    regs_.fill({});
    regs_[BPF_REG_1] = {0, Kind::context, 0, 0};
    regs_[BPF_REG_10] = {0, Kind::frame, 0, 0};
    may_goto_left_ = Machine::kMayGotoLimit;
    pc_ = pc;
}

std::expected<uint64_t, Fault> Machine::run(const Input& input) {
    Run run({.context = context_,
             .insns = insns_,
             .maps = maps_,
             .data = data_,
             .entries = entries_,
             .frames = frames_,
             .random = random_},
            input);
    auto result = run.execute();
    if (result) exit_pc_ = run.pc();
    steps_ = run.steps();
    calls_ = run.calls();
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

bool Run::step(const DecodedInsn& insn) {
    switch (insn.family) {
        case Family::alu:
        case Family::negate:
        case Family::swap:
            return alu(insn);
        case Family::branch:
            return branch(insn);
        case Family::jump:
            pc_ += 1 + static_cast<uint32_t>(insn.distance);
            return true;
        case Family::may_jump:
            pc_ += 1 + (may_goto_left_ == 0 ? static_cast<uint32_t>(insn.distance) : 0);
            if (may_goto_left_ > 0) --may_goto_left_;
            return true;
        case Family::call:
            if (insn.op == Op::CALL_LOCAL) {
                enter(insn);
                return true;
            }
            if (insn.imm == BPF_FUNC_loop) return call_loop();
            if (insn.imm == BPF_FUNC_tail_call) return tail_call();
            if (!call(static_cast<int32_t>(insn.imm))) return false;
            ++pc_;
            return true;
        case Family::exit:
            return leave();
        case Family::wide:
            return load_immediate(insn);
        case Family::load:
            return load(insn);
        case Family::store_imm:
        case Family::store:
            return store(insn);
        case Family::atomic:
            return atomic(insn);
    }
    return stop("an instruction of no family");
}

bool Run::initialised(unsigned reg) {
    return regs_[reg].kind != Kind::uninitialised ||
           stop(fmt::format("r{} is read before it is written", reg));
}

bool Run::operand(const DecodedInsn& insn, Value& out) {
    if (insn.has_immediate) {
        out = Value::scalar(insn.imm);
        return true;
    }
    if (!initialised(insn.src)) return false;
    out = regs_[insn.src];
    return true;
}

bool Run::load_immediate(const DecodedInsn& insn) {
    if (insn.src == BPF_PSEUDO_MAP_IDX)
        regs_[insn.dst] = {0, Kind::map, static_cast<uint16_t>(insn.imm), 0};
    else if (is_function_address(insn))
        regs_[insn.dst] = {function_at(pc_, insn), Kind::function, 0, 0};
    else if (insn.src == BPF_PSEUDO_MAP_IDX_VALUE)
        regs_[insn.dst] = {static_cast<uint32_t>(insn.imm), Kind::data, 0, 0};
    else
        regs_[insn.dst] = Value::scalar(insn.imm);
    pc_ += 2;
    return true;
}

bool Run::alu(const DecodedInsn& insn) {
    Value& target = regs_[insn.dst];
    if (insn.op != Op::MOV && !initialised(insn.dst)) return false;
    if (insn.family == Family::swap) {
        if (!target.is_scalar()) return stop("byte swap of a pointer");
        target = Value::scalar(swap_bytes(insn.op, insn.bytes, target.bits));
        ++pc_;
        return true;
    }
    Value source = Value::scalar(0);
    if (insn.family == Family::alu && !operand(insn, source)) return false;
    if (insn.op == Op::MOV && insn.is_wide) {
        target = source;
    } else if (source.is_scalar() && (insn.op == Op::MOV || target.is_scalar())) {
        const uint64_t a = insn.op == Op::MOV ? 0 : target.bits;
        target =
            Value::scalar(insn.is_wide ? arithmetic<uint64_t>(insn.op, a, source.bits)
                                       : arithmetic<uint32_t>(insn.op, static_cast<uint32_t>(a),
                                                              static_cast<uint32_t>(source.bits)));
    } else if (!insn.is_wide) {
        return stop("32-bit arithmetic on a pointer");
    } else if (!pointer_alu(insn, source)) {
        return false;
    }
    ++pc_;
    return true;
}

bool Run::pointer_alu(const DecodedInsn& insn, const Value& source) {
    const Op op = insn.op;
    Value& target = regs_[insn.dst];
    if (op == Op::SUB && target.is_packet() && source.is_packet()) {
        if (target.within != generation_ || source.within != generation_)
            return stop("a packet pointer from before the packet moved");
        target = Value::scalar(target.bits - source.bits);
        return true;
    }
    if (op == Op::SUB && target.kind == Kind::data && source.kind == Kind::data) {
        target = Value::scalar(target.bits - source.bits);
        return true;
    }
    const bool moves = (op == Op::ADD && target.is_movable() != source.is_movable() &&
                        (target.is_scalar() || source.is_scalar())) ||
                       (op == Op::SUB && target.is_movable() && source.is_scalar());
    if (!moves)
        return stop(fmt::format("arithmetic on a {} and a {}", kind_name(target.kind),
                                kind_name(source.kind)));
    Value moved = target.is_movable() ? target : source;
    moved.bits = op == Op::ADD ? target.bits + source.bits : target.bits - source.bits;
    if (moved.offset() >= kMaxPointerOffset || moved.offset() <= -kMaxPointerOffset)
        return stop("a pointer moved too far");
    target = moved;
    return true;
}

bool Run::compare_pointers(const DecodedInsn& insn, const Value& a, const Value& b, bool& taken) {
    const Op op = insn.op;
    if (!insn.is_wide) return stop("32-bit comparison of a pointer");
    if (a.is_packet() && b.is_packet()) {
        if (a.within != generation_ || b.within != generation_)
            return stop("a packet pointer from before the packet moved");
        if (op == Op::JSET) return stop("test of bits of a pointer");
        taken = holds(op, a.offset() < 0 ? 0 : a.bits, b.offset() < 0 ? 0 : b.bits);
        return true;
    }
    const bool same_value = a.kind == Kind::map_value && b.kind == Kind::map_value &&
                            a.map == b.map && a.within == b.within;
    if (same_value && op != Op::JSET) {
        if (a.offset() < 0 || b.offset() < 0) return stop("a pointer before its map value");
        taken = holds(op, a.bits, b.bits);
        return true;
    }
    const bool equality = b.is_scalar() && (op == Op::JEQ || op == Op::JNE);
    const bool other =
        equality && (a.kind == Kind::context || (a.kind == Kind::map_value && b.bits == 0));
    if (!other)
        return stop(
            fmt::format("comparison of a {} and a {}", kind_name(a.kind), kind_name(b.kind)));
    taken = op == Op::JNE;
    return true;
}

// load() has seen that there is a frame for it.
void Run::enter(const DecodedInsn& insn) { enter(pc_ + 1 + static_cast<uint32_t>(insn.distance)); }

void Run::enter(uint32_t function) {
    Caller& caller = callers_[depth_++];
    caller = {.back = pc_ + 1, .kept = {}, .function = function, .context = {}};
    std::copy_n(regs_.begin() + BPF_REG_6, caller.kept.size(), caller.kept.begin());
    regs_[BPF_REG_0] = {};
    for (unsigned reg = BPF_REG_6; reg <= BPF_REG_9; ++reg) regs_[reg] = {};
    regs_[BPF_REG_10] = {0, Kind::frame, 0, depth_};
    frames_[depth_].clear();
    pc_ = function;
}

bool Run::call_loop() {
    constexpr uint32_t kMostRounds = 1 << 23;
    ++calls_;
    uint64_t rounds = 0, flags = 0;
    if (!number_argument(BPF_REG_1, rounds) || !number_argument(BPF_REG_4, flags)) return false;
    const Value function = regs_[BPF_REG_2], context = regs_[BPF_REG_3];
    if (function.kind != Kind::function)
        return stop(fmt::format("r2 is to be a function, is a {}", kind_name(function.kind)));
    if (context.kind != Kind::frame && !(context.is_scalar() && context.bits == 0))
        return stop(fmt::format("r3 is to be a stack pointer, is a {}", kind_name(context.kind)));
    const auto most = static_cast<uint32_t>(rounds);  // the helper's parameter is a u32
    if (flags != 0 || most > kMostRounds || most == 0) {
        const int error = flags != 0 ? -EINVAL : most == 0 ? 0 : -E2BIG;
        for (unsigned reg = BPF_REG_1; reg <= BPF_REG_5; ++reg) regs_[reg] = {};
        regs_[BPF_REG_0] = Value::scalar(static_cast<uint64_t>(int64_t{error}));
        ++pc_;
        return true;
    }
    enter(static_cast<uint32_t>(function.bits));
    Caller& caller = callers_[depth_ - 1];
    caller.rounds = most;
    caller.context = context;
    begin_round();
    return true;
}

void Run::begin_round() {
    const Caller& caller = callers_[depth_ - 1];
    regs_.fill({});
    regs_[BPF_REG_1] = Value::scalar(caller.done);
    regs_[BPF_REG_2] = caller.context;
    regs_[BPF_REG_10] = {0, Kind::frame, 0, depth_};
    frames_[depth_].clear();
    pc_ = caller.function;
}

bool Run::leave() {
    if (!initialised(BPF_REG_0)) return false;
    if (!regs_[BPF_REG_0].is_scalar()) return stop("exit with a pointer in r0");
    if (depth_ == 0) {
        done_ = true;
        return true;
    }
    Caller& caller = callers_[depth_ - 1];
    if (caller.rounds > 0) {
        if (regs_[BPF_REG_0].bits > 1) return stop("a round gives neither 0 nor 1");
        const bool goes_on = regs_[BPF_REG_0].bits == 0;
        if (++caller.done < caller.rounds && goes_on) {
            begin_round();
            return true;
        }
        regs_[BPF_REG_0] = Value::scalar(caller.done);
    }
    --depth_;
    std::ranges::copy(caller.kept, regs_.begin() + BPF_REG_6);
    for (unsigned reg = BPF_REG_1; reg <= BPF_REG_5; ++reg) regs_[reg] = {};
    regs_[BPF_REG_10] = {0, Kind::frame, 0, depth_};
    pc_ = caller.back;
    return true;
}

bool Run::branch(const DecodedInsn& insn) {
    Value b;
    if (!initialised(insn.dst) || !operand(insn, b)) return false;
    const Value& a = regs_[insn.dst];
    bool taken = false;
    if (!a.is_scalar() || !b.is_scalar()) {
        if (!compare_pointers(insn, a, b, taken)) return false;
    } else if (insn.is_wide) {
        taken = holds<uint64_t>(insn.op, a.bits, b.bits);
    } else {
        taken =
            holds<uint32_t>(insn.op, static_cast<uint32_t>(a.bits), static_cast<uint32_t>(b.bits));
    }
    pc_ += 1 + (taken ? static_cast<uint32_t>(insn.distance) : 0);
    return true;
}

bool Run::load(const DecodedInsn& insn) {
    if (!initialised(insn.src)) return false;
    const Value base = regs_[insn.src];
    const unsigned size = insn.bytes;
    Value& target = regs_[insn.dst];
    if (base.kind == Kind::context) {
        if (!load_context(target, base.offset() + insn.off, size)) return false;
        ++pc_;
        return true;
    }
    if (base.kind == Kind::frame) {
        const int at = frame_index(base, insn.off, size);
        if (at < 0) return false;
        if (at % static_cast<int>(size) != 0) return stop("misaligned stack access");
        if (const Value* spilled = frame_of(base).spilled(static_cast<unsigned>(at))) {
            if (size != 8) return stop("part of a spilled pointer is read");
            target = *spilled;
            ++pc_;
            return true;
        }
    }
    const uint8_t* bytes = readable(base, insn.off, size);
    if (!bytes) return false;
    target = Value::scalar(value_at(bytes, size));
    ++pc_;
    return true;
}

bool Run::store(const DecodedInsn& insn) {
    if (!initialised(insn.dst)) return false;
    const Value base = regs_[insn.dst];
    const unsigned size = insn.bytes;
    Value value = Value::scalar(insn.imm);
    if (insn.family == Family::store) {
        if (!initialised(insn.src)) return false;
        value = regs_[insn.src];
    }
    if (base.kind == Kind::frame) {
        const int at = frame_index(base, insn.off, size);
        if (at < 0) return false;
        if (at % static_cast<int>(size) != 0) return stop("misaligned stack access");
        if (!value.is_scalar()) {
            if (size != 8) return stop("part of a pointer is stored");
            frame_of(base).spill(static_cast<unsigned>(at), value);
            ++pc_;
            return true;
        }
    }
    if (!value.is_scalar()) return stop("a pointer is stored outside the stack");
    uint8_t* bytes = writable(base, insn.off, size);
    if (!bytes) return false;
    put_value(bytes, value.bits, size);
    ++pc_;
    return true;
}

bool Run::atomic(const DecodedInsn& insn) {
    if (!initialised(insn.dst) || !initialised(insn.src)) return false;
    const unsigned size = insn.bytes;
    const Value base = regs_[insn.dst];
    const bool compares = insn.op == Op::CMPXCHG;
    if (compares && !initialised(BPF_REG_0)) return false;
    if (!regs_[insn.src].is_scalar() || (compares && !regs_[BPF_REG_0].is_scalar()))
        return stop("atomic operation with a pointer");
    if ((base.offset() + insn.off) % static_cast<int64_t>(size) != 0)
        return stop("misaligned atomic operation");
    const uint8_t* current = readable(base, insn.off, size);
    uint8_t* bytes = current ? writable(base, insn.off, size) : nullptr;
    if (!bytes) return false;
    const uint64_t mask = size == 4 ? UINT32_MAX : UINT64_MAX;
    const uint64_t old = value_at(bytes, size);
    const uint64_t source = regs_[insn.src].bits & mask;
    uint64_t next = old;
    if (!compares)
        next = arithmetic<uint64_t>(insn.op, old, source);
    else if (old == (regs_[BPF_REG_0].bits & mask))
        next = source;
    put_value(bytes, next, size);
    if (compares)
        regs_[BPF_REG_0] = Value::scalar(old);
    else if (row_of(insn.op).selector & BPF_FETCH)
        regs_[insn.src] = Value::scalar(old);
    ++pc_;
    return true;
}

}  // namespace vfm::ebpf
