// Calls of functions: flow tables, random numbers, the host's. Registers that the callee may change
// and that are needed later wait in the frame meanwhile.
#include "userspace/jit/emitter.h"

namespace vfm::jit {

using ir::Op;
using ir::Value;

namespace {

// Arguments as they come: key in rdi, value in rsi, state in rdx, table in ecx.
uint64_t flow_get(uint64_t key, uint64_t /*value*/, RunState* state, uint32_t table) {
    return (*state->tables)[table].get(key);
}
uint64_t flow_set(uint64_t key, uint64_t value, RunState* state, uint32_t table) {
    (*state->tables)[table].set(key, value);
    return 0;
}
uint64_t flow_add(uint64_t key, uint64_t delta, RunState* state, uint32_t table) {
    return (*state->tables)[table].add(key, delta);
}
uint64_t next_random(uint64_t /*key*/, uint64_t /*value*/, RunState* state, uint32_t /*table*/) {
    return state->random.next();
}

using Helper = uint64_t (*)(uint64_t, uint64_t, RunState*, uint32_t);

Helper helper_of(Op op) {
    switch (op) {
        case Op::flow_get:
            return flow_get;
        case Op::flow_set:
            return flow_set;
        case Op::flow_add:
            return flow_add;
        default:
            return next_random;
    }
}

}  // namespace

void Emitter::call(Id id, const Value& value) {
    uint32_t live = next_clobber() & kCallerSaved;
    // The result may have taken the register of a value that waits in the frame for good.
    if (const unsigned own = target(id, kNoRegister); own != kNoRegister)
        live &= ~register_bit(own);
    for (unsigned reg = 0; reg < 16; ++reg)
        if (live & register_bit(reg)) out_.mov(waiting(reg), q(reg));
    // rsi before rdi: what is still to be loaded from the packet needs rdi.
    if (value.b != ir::kNone) fetch_into(value.b, rsi);
    if (value.a != ir::kNone) fetch_into(value.a, rdi);
    const bool bare = frame_bytes_ == 0 && frame_.pushed == 0;  // the stack is not aligned yet
    if (bare) out_.sub(x86::rsp, 8);
    if (value.op == Op::call) {
        call_host(value);
    } else {
        if (value.op != Op::rand) out_.mov(x86::ecx, uint32_t{value.table});
        out_.mov(x86::rax, reinterpret_cast<uint64_t>(helper_of(value.op)));
        out_.call(x86::rax);
    }
    if (bare) out_.add(x86::rsp, 8);
    store(id, rax);
    for (unsigned reg = 0; reg < 16; ++reg)
        if (live & register_bit(reg)) out_.mov(q(reg), waiting(reg));
}

// function(user, arguments)
void Emitter::call_host(const Value& value) {
    const auto entry = static_cast<int32_t>(value.imm * sizeof(HostEntry));
    out_.mov(x86::rax, x86::qword_ptr(x86::rdx, offsetof(RunState, host)));
    out_.mov(x86::rdi,
             x86::qword_ptr(x86::rax, entry + static_cast<int32_t>(offsetof(HostEntry, user))));
    out_.lea(x86::rsi, x86::ptr(x86::rsp, static_cast<int32_t>(arguments_)));
    out_.call(
        x86::qword_ptr(x86::rax, entry + static_cast<int32_t>(offsetof(HostEntry, function))));
}

void Emitter::call_argument(const Value& value) {
    const x86::Mem at =
        x86::qword_ptr(x86::rsp, static_cast<int32_t>(arguments_ + 8 * (value.imm & 7)));
    const uint64_t* imm = number(value.a);
    if (imm && *imm <= INT32_MAX)
        out_.mov(at, static_cast<int32_t>(*imm));
    else
        out_.mov(at, q(fetch(value.a, r11)));
}

}  // namespace vfm::jit
