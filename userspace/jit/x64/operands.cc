// Reading and writing values: registers, slots, numbers, and loads made where they are used.
#include <bit>
#include <initializer_list>

#include "core/base/check.h"
#include "userspace/jit/x64/emitter.h"

namespace vfm::jit {

using ir::Op;
using ir::Value;
using Place = ValuePlan::Place;

const uint64_t* Emitter::number(Id id) const {
    return function_[id].op == Op::constant ? &function_[id].imm : nullptr;
}

bool Emitter::is_folded(Id id) const { return plan_[id].place == Place::at_use; }

bool Emitter::is_in(Id id, unsigned reg) const {
    return plan_[id].place == Place::own && location(id) == Location::in_register(reg);
}

// True if making or reading the value reads the register. Values made at their use are not deep:
// `and`, a load, its base.
bool Emitter::reads(Id id, unsigned reg) const {
    if (!is_folded(id)) return is_in(id, reg);
    const Value& value = function_[id];
    return (value.a != ir::kNone && reads(value.a, reg)) ||
           (value.b != ir::kNone && reads(value.b, reg));
}

x86::Mem Emitter::slot(Location location, uint32_t size) const {
    return x86::ptr(x86::rsp, static_cast<int32_t>(8 * location.slot()), size);
}

// Where a register waits while something else needs it.
x86::Mem Emitter::waiting(unsigned reg) const {
    VFM_CHECK((frame_.saved & register_bit(reg)) != 0, "the frame has room for what waits");
    const uint32_t before = frame_.saved & (register_bit(reg) - 1);
    return x86::qword_ptr(
        x86::rsp,
        static_cast<int32_t>(waiting_ + 8u * static_cast<uint32_t>(std::popcount(before))));
}

// The register in which a result is made: its own, or the scratch.
unsigned Emitter::target(Id id, unsigned scratch) const {
    const Location at = location(id);
    return plan_[id].place == Place::own && at.is_register() ? at.id() : scratch;
}

// Puts a result that was made in `reg` where it belongs.
void Emitter::store(Id id, unsigned reg) {
    if (plan_[id].place != Place::own) return;
    const Location at = location(id);
    if (at.is_register())
        move(at.id(), reg, is_wide(id));
    else if (at.is_slot())
        out_.mov(slot(at), q(reg));
}

void Emitter::load_number(unsigned reg, uint64_t number) {
    if (number <= UINT32_MAX)
        out_.mov(d(reg), static_cast<uint32_t>(number));
    else
        out_.mov(q(reg), number);
}

void Emitter::move(unsigned to, unsigned from, bool wide) {
    if (to != from) out_.mov(sized(to, wide), sized(from, wide));
}

// A register with the value: its own, or `scratch` filled with it.
unsigned Emitter::fetch(Id id, unsigned scratch) {
    if (plan_[id].place == Place::own && location(id).is_register()) return location(id).id();
    fetch_into(id, scratch);
    return scratch;
}

void Emitter::fetch_into(Id id, unsigned reg) {
    const Value& value = function_[id];
    if (value.op == Op::constant) {
        load_number(reg, value.imm);
    } else if (is_folded(id) || location(id).is_packet()) {
        load(value, reg);
    } else if (location(id).is_slot()) {
        out_.mov(q(reg), slot(location(id)));
    } else {
        move(reg, location(id).id(), is_wide(id));
    }
}

// Where a load's bytes are. A base that is in no register goes through r11. An offset beyond 2^31
// stands behind a guard that no packet passes, so that it is enough that it can be encoded.
x86::Mem Emitter::address(const Value& load, uint32_t size) {
    const auto offset = static_cast<int32_t>(load.imm & INT32_MAX);
    if (ir::is_load(load.op)) return x86::ptr(x86::rdi, offset, size);
    return x86::ptr(x86::rdi, q(fetch(load.a, r11)), 0, offset, size);
}

void Emitter::load(const Value& load, unsigned reg) {
    const bool raw = is_raw(load);
    const x86::Mem at = address(load, load.size);
    switch (load.size) {
        case 1:
            out_.movzx(d(reg), at);
            return;
        case 2:
            out_.movzx(d(reg), at);
            if (!raw) out_.rol(w(reg), 8);
            return;
        default:
            break;
    }
    const x86::Gp whole = sized(reg, load.size == 8);
    if (!raw && cpu_.movbe) {
        out_.movbe(whole, at);
        return;
    }
    out_.mov(whole, at);
    if (!raw) out_.bswap(whole);
}

// The value as a memory operand of 32 or 64 bits, where it stands in memory as that already.
std::optional<x86::Mem> Emitter::memory_operand(Id id, bool wide) {
    const uint32_t size = wide ? 8 : 4;
    if (plan_[id].place == Place::own && location(id).is_slot()) return slot(location(id), size);
    if (!is_folded(id) && !location(id).is_packet()) return {};
    const Value& value = function_[id];
    if ((!ir::is_load(value.op) && !ir::is_loadx(value.op)) || value.size != size || !is_raw(value))
        return {};
    return address(value, size);
}

// Registers for an operation on several at once: its operands and its result where they have
// registers, all of them different, else some that wait in the frame until release().
Emitter::Operands Emitter::hold(std::initializer_list<Id> inputs, Id result) {
    Operands operands;
    uint32_t used = 0;
    const auto own = [&](Id id) {
        return plan_[id].place == Place::own && location(id).is_register();
    };
    for (const Id input : inputs)
        if (own(input)) used |= register_bit(location(input).id());
    if (own(result)) used |= register_bit(location(result).id());
    const auto borrow = [&] {
        const auto reg =
            static_cast<unsigned>(std::countr_zero(kBorrowed & ~(used | operands.borrowed)));
        operands.borrowed |= register_bit(reg);
        out_.mov(waiting(reg), q(reg));
        return reg;
    };
    for (const Id input : inputs) {
        unsigned& reg = operands.inputs[operands.count++];
        reg = own(input) ? location(input).id() : borrow();
        if (!own(input)) fetch_into(input, reg);
    }
    operands.result = own(result) ? location(result).id() : borrow();
    return operands;
}

void Emitter::release(const Operands& operands, Id result) {
    store(result, operands.result);
    for (unsigned reg = 0; reg < 16; ++reg)
        if (operands.borrowed & register_bit(reg)) out_.mov(q(reg), waiting(reg));
}

}  // namespace vfm::jit
