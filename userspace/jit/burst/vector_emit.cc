#include "userspace/jit/burst/vector_emit.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "userspace/jit/burst/vector_code.h"
#include "userspace/jit/burst/vector_flow.h"
#include "userspace/jit/burst/vector_text.h"
#include "userspace/jit/x64/stack_space.h"

namespace vfm::jit {

using asmjit::Label;
using asmjit::Operand;
using asmjit::x86::Gp;
using asmjit::x86::Mem;
using asmjit::x86::ptr;
namespace Inst = asmjit::x86::Inst;
namespace x86 = asmjit::x86;

namespace {

constexpr uint8_t kZeroByte = 0x80;  // vpshufb: makes a 0
constexpr unsigned kCacheLine = 64;
constexpr Gp kSaved[] = {x86::rbx, x86::r12, x86::r13, x86::r14};
constexpr int kGroupsAhead = VectorCode::kGroupsAhead;

}  // namespace

VectorEmitter::VectorEmitter(asmjit::CodeHolder& code, const VectorPlan& plan,
                             const VectorTables& tables, unsigned lanes, LaneRegisters::Files files)
    : a_(&code),
      plan_(plan),
      tables_(tables),
      lanes_(lanes),
      registers_(plan, files, *this),
      leave_(a_.newLabel()),
      window_of_(plan.steps.size()),
      constants_(a_.newLabel()) {
    for (uint32_t i = 0; i < plan.windows.size(); ++i)
        for (const StepId field : plan.windows[i].fields) window_of_[field] = i;
}

void VectorEmitter::note_into(std::vector<NativeNote>* notes) {
    notes_ = notes;
    a_.setLogger(&log_.emplace(a_, *notes));
}

std::optional<uint64_t> VectorEmitter::emit() {
    const Label body = a_.newLabel(), entry = a_.newLabel();
    std::optional<StepId> length;
    for (StepId id = 0; id < plan_.steps.size(); ++id)
        if (plan_.steps[id].op == LaneOp::length && plan_.uses[id] != 0) length = id;

    a_.align(asmjit::AlignMode::kCode, kCacheLine);
    a_.bind(body);
    note(NativeNote::Kind::heading, "group, are all packets long enough?");
    registers_.begin(0);
    check_lengths(length);
    note(NativeNote::Kind::heading, "prefetch, packets of a later group");
    prefetch();
    for (StepId id = 0; id < plan_.steps.size(); ++id)
        if (plan_.uses[id] != 0 && !registers_.defined(id)) step(id);
    note(NativeNote::Kind::heading, "results, and on to the next group");
    results();
    a_.add(kPackets, lanes_ * kPacketBytes);
    a_.add(kResults, lanes_ * 16);
    a_.dec(kGroups);
    a_.jnz(body);
    a_.bind(leave_);
    note(NativeNote::Kind::heading, "leave");
    a_.mov(x86::rax, kGroups);
    a_.vzeroupper();
    a_.lea(x86::rsp, ptr(x86::rbp, -static_cast<int32_t>(8 * std::size(kSaved))));
    for (size_t i = std::size(kSaved); i-- > 0;) a_.pop(kSaved[i]);
    a_.pop(x86::rbp);
    a_.ret();

    a_.bind(entry);
    note(NativeNote::Kind::heading, "entry");
    this->entry(body);
    instruction_bytes_ = static_cast<uint32_t>(a_.offset());
    a_.align(asmjit::AlignMode::kZero, kCacheLine);
    a_.bind(constants_);
    if (a_.embed(data_.data(), data_.size()) != asmjit::kErrorOk) return std::nullopt;
    return a_.code()->labelOffset(entry);
}

// Stands behind the loop: only then it is known how large the frame is.
void VectorEmitter::entry(const Label& body) {
    a_.push(x86::rbp);
    a_.mov(x86::rbp, x86::rsp);
    for (const Gp& saved : kSaved) a_.push(saved);
    a_.and_(x86::rsp, -static_cast<int32_t>(vector_bytes()));
    const uint32_t words = plan_.stateful ? kFlowWords : 0;
    take_stack(a_, (words + registers_.slots()) * vector_bytes());
    a_.mov(kPackets, x86::rdi);
    a_.mov(kResults, x86::rsi);
    a_.mov(kGroups, x86::rdx);
    a_.mov(kState, x86::rcx);
    load_constants();
    a_.test(kGroups, kGroups);
    a_.jz(leave_);
    a_.jmp(body);
}

// The last groups of a burst have nothing to ask for.
void VectorEmitter::prefetch() {
    if (plan_.windows.empty()) return;
    const auto first = static_cast<int32_t>(plan_.windows.front().offset);
    const auto last = static_cast<int32_t>(plan_.windows.back().offset + kWindow - 1);
    const Label done = a_.newLabel();
    a_.cmp(kGroups, kGroupsAhead);
    a_.jbe(done);
    for (unsigned i = 0; i < lanes_; ++i) {
        const Gp pointer = i % 2 == 0 ? x86::r8 : x86::r9;
        a_.mov(pointer, packet(kGroupsAhead * lanes_ + i));
        a_.prefetcht0(ptr(pointer, first));
        if (last - first >= static_cast<int32_t>(kCacheLine)) a_.prefetcht0(ptr(pointer, last));
    }
    a_.bind(done);
}

void VectorEmitter::step(StepId id) {
    const LaneStep& step = plan_.steps[id];
    if (step.op == LaneOp::number) return;  // made where it is used
    if (notes_) note_step(id);
    registers_.begin(id);
    if (step.op == LaneOp::field || step.op == LaneOp::field_raw)
        window(plan_.windows[window_of_[id]]);
    else if (step.op == LaneOp::select)
        select(step, vec(registers_.define(id)));
    else if (step.op == LaneOp::bit)
        bit(step, vec(registers_.define(id)));
    else if (makes_mask(step.op))
        mask_step(id, step);
    else if (step.op == LaneOp::flow)
        flow(step);
    else if (step.op == LaneOp::flow_argument)
        a_.vmovups(flow_word(step.imm), vector(step.a));
    else if (step.op == LaneOp::flow_result)
        a_.vmovups(vec(registers_.define(id)), flow_word(step.imm));
    else
        arithmetic(id, step);
    registers_.end();
}

void VectorEmitter::note_step(StepId id) {
    const LaneStep& step = plan_.steps[id];
    if (step.op != LaneOp::field && step.op != LaneOp::field_raw) {
        note(NativeNote::Kind::heading, step_text(plan_, id));
        return;
    }
    const FieldWindow& window = plan_.windows[window_of_[id]];
    note(NativeNote::Kind::heading,
         fmt::format("bytes {} to {} of each packet", window.offset, window.offset + kWindow - 1));
    for (const StepId field : window.fields)
        note(NativeNote::Kind::heading, step_text(plan_, field));
}

void VectorEmitter::arithmetic(StepId id, const LaneStep& step) {
    const Vec a = vector(step.a);
    const bool shift = step.op == LaneOp::shl || step.op == LaneOp::shr;
    if (shift && plan_.steps[step.b].op == LaneOp::number) {
        const Vec to = vec(registers_.define(id));
        a_.emit(step.op == LaneOp::shl ? Inst::kIdVpslld : Inst::kIdVpsrld, to, a,
                asmjit::Imm(plan_.steps[step.b].imm));
        return;
    }
    const Operand b = operand(step.b);
    const Vec to = vec(registers_.define(id));
    switch (step.op) {
        case LaneOp::add:
            a_.emit(Inst::kIdVpaddd, to, a, b);
            return;
        case LaneOp::sub:
            a_.emit(Inst::kIdVpsubd, to, a, b);
            return;
        case LaneOp::mul:
            a_.emit(Inst::kIdVpmulld, to, a, b);
            return;
        case LaneOp::shl:
            a_.emit(Inst::kIdVpsllvd, to, a, b);
            return;
        case LaneOp::shr:
            a_.emit(Inst::kIdVpsrlvd, to, a, b);
            return;
        case LaneOp::and_:
        case LaneOp::or_:
        case LaneOp::xor_:
            bitwise(step.op, to, a, b);
            return;
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
            return;
    }
}

// All fields of a window: every quarter's 16 bytes, the fields' bytes put in the order of the
// machine, then the transposition. Field f is in dword f of each quarter before it.
void VectorEmitter::window(const FieldWindow& window) {
    std::array<uint8_t, kWindow> order;
    order.fill(kZeroByte);
    for (unsigned f = 0; f < window.fields.size(); ++f) {
        const LaneStep& field = plan_.steps[window.fields[f]];
        const unsigned from = field.imm - window.offset;
        for (unsigned byte = 0; byte < field.size; ++byte)
            order[4 * f + byte] = static_cast<uint8_t>(
                from + (field.op == LaneOp::field ? field.size - 1u - byte : byte));
    }
    const Mem control = repeated(order);
    for (unsigned j = 0; j < 4; ++j) load_quarters(j, j * quarters(), window.offset);
    for (unsigned j = 0; j < 4; ++j) a_.vpshufb(vec(j), vec(j), control);

    const auto place = [&](size_t f) { return vec(registers_.define(window.fields[f])); };
    const size_t count = window.fields.size();
    a_.vpunpckldq(vec(4), vec(0), vec(1));
    a_.vpunpckldq(vec(5), vec(2), vec(3));
    a_.vpunpcklqdq(place(0), vec(4), vec(5));
    if (count > 1) a_.vpunpckhqdq(place(1), vec(4), vec(5));
    if (count <= 2) return;
    a_.vpunpckhdq(vec(4), vec(0), vec(1));
    a_.vpunpckhdq(vec(5), vec(2), vec(3));
    a_.vpunpcklqdq(place(2), vec(4), vec(5));
    if (count > 3) a_.vpunpckhqdq(place(3), vec(4), vec(5));
}

void VectorEmitter::flow(const LaneStep& step) {
    const Label none = a_.newLabel();
    mask_bits(step.c, x86::esi);
    registers_.leave_registers();
    a_.test(x86::esi, x86::esi);
    a_.jz(none);
    a_.mov(x86::rdi, kState);
    a_.mov(x86::rdx, x86::rsp);
    a_.mov(x86::ecx, step.imm);
    load_address(
        x86::rax,
        reinterpret_cast<const void*>(flow_helper(static_cast<FlowAccess>(step.size), lanes_)),
        "FlowTable, for all of the group");
    a_.vzeroupper();
    a_.call(x86::rax);
    load_constants();
    a_.bind(none);
}

void VectorEmitter::results() {
    registers_.begin(static_cast<StepId>(plan_.steps.size()));
    Results out;
    if (makes_mask(plan_.steps[plan_.value].op)) {
        out.value = vec(0);
        mask_to_scratch(plan_.value, vec(0));
    } else {
        out.value = vector(plan_.value);
    }
    if (plan_.value_high != kNoStep) out.high = vector(plan_.value_high);
    if (plan_.error != kNoStep) out.error = vector(plan_.error);
    store_outcomes(out);
    registers_.end();
}

Mem VectorEmitter::constant(ByteView data) {
    const auto [place, fresh] = offsets_.try_emplace(Bytes(data.begin(), data.end()), 0);
    if (fresh) {
        while (data_.size() % data.size() != 0) data_.push_back(0);
        place->second = static_cast<int32_t>(data_.size());
        data_.insert(data_.end(), data.begin(), data.end());
    }
    return ptr(constants_, place->second);
}

Mem VectorEmitter::repeated(ByteView quarter) {
    Bytes all;
    for (unsigned q = 0; q < quarters(); ++q) all.insert(all.end(), quarter.begin(), quarter.end());
    return constant(all);
}

Operand VectorEmitter::operand(StepId step) {
    const LaneStep& made = plan_.steps[step];
    if (made.op == LaneOp::number) return number(made.imm);
    return vector(step);
}

}  // namespace vfm::jit
