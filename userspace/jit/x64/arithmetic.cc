// Arithmetic. Where operands and result are known to fit into 32 bits, 32-bit instructions, which
// clear the upper half, give the same in fewer bytes.
#include <bit>
#include <utility>

#include "core/base/check.h"
#include "userspace/jit/runtime/run_state.h"
#include "userspace/jit/x64/emitter.h"

namespace vfm::jit {

using asmjit::InstId;
using ir::Op;
using ir::Value;
namespace Inst = asmjit::x86::Inst;

// reg = reg OP operand. Uses r11.
void Emitter::with_operand(InstId instruction, unsigned reg, Id operand, bool wide) {
    if (const uint64_t* imm = number(operand)) {
        if (!wide)
            out_.emit(instruction, d(reg), asmjit::imm(static_cast<int32_t>(*imm)));
        else if (fits_signed(*imm))
            out_.emit(instruction, q(reg), asmjit::imm(static_cast<int64_t>(*imm)));
        else
            out_.emit(instruction, q(reg), q(fetch(operand, r11)));
        return;
    }
    if (const auto memory = memory_operand(operand, wide))
        out_.emit(instruction, sized(reg, wide), *memory);
    else
        out_.emit(instruction, sized(reg, wide), sized(fetch(operand, r11), wide));
}

// sub, and, or, xor of what is no truth value, and their like.
void Emitter::binary(Id id, const Value& value) {
    Id a = value.a, b = value.b;
    bool wide = is_wide(id);
    InstId instruction = Inst::kIdSub;
    if (value.op != Op::sub) {
        if (value.op == Op::and_) instruction = Inst::kIdAnd;
        if (value.op == Op::or_) instruction = Inst::kIdOr;
        if (value.op == Op::xor_) instruction = Inst::kIdXor;
        const unsigned own = target(id, r10);
        if (number(a) || (is_in(b, own) && !is_in(a, own))) std::swap(a, b);
    }
    const unsigned own = target(id, r10);
    const uint64_t* mask = value.op == Op::and_ ? number(b) : nullptr;
    if (mask && (*mask == 0xff || *mask == 0xffff || *mask == 0xffffffff)) {
        const unsigned from = fetch(a, own);
        if (*mask == 0xff)
            out_.movzx(d(own), this->b(from));
        else if (*mask == 0xffff)
            out_.movzx(d(own), w(from));
        else
            out_.mov(d(own), d(from));
        store(id, own);
        return;
    }
    const unsigned reg = !is_in(a, own) && reads(b, own) ? unsigned{r10} : own;
    fetch_into(a, reg);
    with_operand(instruction, reg, b, wide);
    store(id, reg);
}

void Emitter::add(Id id, const Value& value) {
    Id a = value.a, b = value.b;
    const bool wide = is_wide(id);
    const unsigned own = target(id, r10);
    if (number(a) || (is_in(b, own) && !is_in(a, own))) std::swap(a, b);
    const bool a_is_register = plan_[a].place == ValuePlan::Place::own && location(a).is_register();
    const bool b_is_register = plan_[b].place == ValuePlan::Place::own && location(b).is_register();
    const uint64_t* imm = number(b);
    if (a_is_register && !is_in(a, own) && (b_is_register || (imm && fits_signed(*imm)))) {
        const x86::Mem sum = imm ? x86::ptr(q(location(a).id()), static_cast<int32_t>(*imm))
                                 : x86::ptr(q(location(a).id()), q(location(b).id()));
        out_.lea(sized(own, wide), sum);
        store(id, own);
        return;
    }
    const unsigned reg = !is_in(a, own) && reads(b, own) ? unsigned{r10} : own;
    fetch_into(a, reg);
    with_operand(Inst::kIdAdd, reg, b, wide);
    store(id, reg);
}

void Emitter::multiply(Id id, const Value& value) {
    Id a = value.a, b = value.b;
    const bool wide = is_wide(id);
    const unsigned own = target(id, r10);
    if (number(a) || (is_in(b, own) && !is_in(a, own))) std::swap(a, b);
    if (const uint64_t* imm = number(b)) {
        if (std::has_single_bit(*imm)) {
            fetch_into(a, own);
            out_.shl(sized(own, wide), static_cast<uint32_t>(std::countr_zero(*imm)));
            store(id, own);
            return;
        }
        if (*imm == 3 || *imm == 5 || *imm == 9) {
            const unsigned from = fetch(a, own);
            const uint32_t scale = *imm == 3 ? 1 : *imm == 5 ? 2 : 3;
            out_.lea(sized(own, wide), x86::ptr(q(from), q(from), scale));
            store(id, own);
            return;
        }
        if (wide ? fits_signed(*imm) : true) {
            const unsigned from = fetch(a, own);
            out_.imul(sized(own, wide), sized(from, wide), static_cast<int32_t>(*imm));
            store(id, own);
            return;
        }
    }
    const unsigned reg = !is_in(a, own) && reads(b, own) ? unsigned{r10} : own;
    fetch_into(a, reg);
    with_operand(Inst::kIdImul, reg, b, wide);
    store(id, reg);
}

void Emitter::shift(Id id, const Value& value) {
    const bool left = value.op == Op::shl;
    const unsigned own = target(id, r10);
    // To the right 32 bits are enough if the operand has no more, to the left if the result has.
    const bool wide = left ? is_wide(id) : is_wide(value.a);
    if (const uint64_t* count = number(value.b)) {
        const auto by = static_cast<uint32_t>(*count & 63);
        if (!wide && by > 31) {
            load_number(own, 0);  // also what is left of 32 bits
        } else {
            fetch_into(value.a, own);
            if (by != 0) out_.emit(left ? Inst::kIdShl : Inst::kIdShr, sized(own, wide), by);
        }
        store(id, own);
        return;
    }
    const uint32_t live = next_clobber();
    if (cpu_.bmi2) {
        const unsigned from = fetch(value.a, r10);
        const unsigned by = fetch(value.b, r11);
        out_.emit(left ? Inst::kIdShlx : Inst::kIdShrx, q(own), q(from), q(by));
        store(id, own);
        return;
    }
    // The count must be in cl: what is there waits, unless it is the result's place.
    fetch_into(value.a, r10);
    fetch_into(value.b, r11);
    const bool waits = (live & register_bit(rcx)) != 0 && own != rcx;
    if (waits) out_.mov(waiting(rcx), x86::rcx);
    out_.mov(x86::ecx, x86::r11d);
    out_.emit(left ? Inst::kIdShl : Inst::kIdShr, q(r10), x86::cl);
    if (waits) out_.mov(x86::rcx, waiting(rcx));
    store(id, r10);
}

void Emitter::unary(Id id, const Value& value) {
    const unsigned own = target(id, r10);
    fetch_into(value.a, own);
    if (value.op == Op::not_)
        out_.not_(q(own));
    else
        out_.neg(q(own));
    store(id, own);
}

// and, or, xor of truth values, of which perhaps only the low byte counts.
void Emitter::truth_binary(Id id, const Value& value) {
    Id a = value.a, b = value.b;
    const unsigned own = target(id, r10);
    if (number(a) || (is_in(b, own) && !is_in(a, own))) std::swap(a, b);
    const unsigned reg = !is_in(a, own) && reads(b, own) ? unsigned{r10} : own;
    fetch_into(a, reg);
    const InstId instruction = value.op == Op::and_  ? Inst::kIdAnd
                               : value.op == Op::or_ ? Inst::kIdOr
                                                     : Inst::kIdXor;
    with_operand(instruction, reg, b, false);
    const bool extended =
        value.op == Op::and_ ? !low_byte(a) || !low_byte(b) : !low_byte(a) && !low_byte(b);
    if (plan_[id].full && !extended) out_.movzx(d(reg), this->b(reg));
    store(id, reg);
}

void Emitter::operation(Id id) {
    const Value& value = function_[id];
    switch (value.op) {
        case Op::and_:
        case Op::or_:
        case Op::xor_:
            if (plan_[value.a].bits <= 1 && plan_[value.b].bits <= 1)
                truth_binary(id, value);
            else
                binary(id, value);
            break;
        case Op::sub:
            binary(id, value);
            break;
        case Op::add:
            add(id, value);
            break;
        case Op::mul:
            multiply(id, value);
            break;
        case Op::div:
        case Op::mod:
            divide(id, value);
            break;
        case Op::shl:
        case Op::shr:
            shift(id, value);
            break;
        case Op::not_:
        case Op::neg:
            unary(id, value);
            break;
        case Op::eq:
        case Op::ne:
        case Op::gt:
        case Op::lt:
        case Op::ge:
        case Op::le:
            truth(id, value);
            break;
        case Op::len: {
            const unsigned own = target(id, r10);
            out_.mov(d(own), x86::esi);
            store(id, own);
            break;
        }
        case Op::load:
        case Op::loadx:
        case Op::load_raw:
        case Op::loadx_raw: {
            if (location(id).is_packet()) break;  // wherever it is used
            const unsigned own = target(id, r10);
            load(value, own);
            store(id, own);
            break;
        }
        case Op::in_set:
            in_set(id, value);
            break;
        case Op::in_rows:
            in_rows(id, value);
            break;
        case Op::extensions:
            VFM_CHECK(false, "the kernel alone has it");
            break;
        case Op::vlan_present:
        case Op::vlan_tag: {
            // In user space a tag is always among the packet's bytes.
            const unsigned own = target(id, r10);
            load_number(own, 0);
            store(id, own);
            break;
        }
        case Op::now: {
            const unsigned own = target(id, r10);
            out_.mov(q(own), x86::qword_ptr(x86::rdx, offsetof(RunState, now)));
            store(id, own);
            break;
        }
        case Op::guard_len:
            remark("at least {} bytes?", value.imm);
            out_.cmp(x86::esi, static_cast<uint32_t>(std::min<uint64_t>(value.imm, 1u << 30)));
            out_.jb(trap(ErrorKind::bounds));
            break;
        case Op::guard_index:
            guard_index(value.a, value.imm, trap(ErrorKind::bounds));
            break;
        case Op::guard_nonzero:
            out_.j(compare_number(Comparison::eq, value.a, 0), trap(ErrorKind::division_by_zero));
            break;
        case Op::member:
        case Op::member128:
        case Op::match:
        case Op::flow_get:
        case Op::flow_set:
        case Op::flow_add:
        case Op::rand:
        case Op::call:
            call(id, value);
            break;
        case Op::verdict:
            verdict(id, value);
            break;
        case Op::count:
            count(value);
            break;
        case Op::fuel:
            remark("fuel of {} instructions", value.imm);
            out_.sub(x86::r9, static_cast<int32_t>(std::min<uint64_t>(value.imm, INT32_MAX)));
            out_.jb(trap(ErrorKind::limit));
            break;
        case Op::constant:
        case Op::param:
            break;
    }
}

}  // namespace vfm::jit
