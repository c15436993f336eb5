// Accesses to flow tables. An entry that stands in its home and is known to be used, as nearly all
// are, is found here with the instructions that FlowTable::use_at_home() stands for; for the others
// FlowTable is called, behind the code.
#include "userspace/flow/flow_table.h"
#include "userspace/jit/emitter.h"
#include "userspace/jit/run_state.h"

namespace vfm::jit {

using ir::Op;
using ir::Value;

namespace {

constexpr FlowTable::Layout kTable = FlowTable::layout();
static_assert(kTable.bucket == 64);

// Arguments as they come: key in rdi, value in rsi, state in rdx, table in ecx.
uint64_t flow_get(uint64_t key, uint64_t /*value*/, RunState* state, uint32_t table) {
    return state->tables[table].get(key);
}
uint64_t flow_set(uint64_t key, uint64_t value, RunState* state, uint32_t table) {
    state->tables[table].set(key, value);
    return 0;
}
uint64_t flow_add(uint64_t key, uint64_t delta, RunState* state, uint32_t table) {
    return state->tables[table].add(key, delta);
}

}  // namespace

// Arguments are in place. The result comes in rax; all registers that a call may change may change.
void Emitter::access_table(const Value& value) {
    const asmjit::Label elsewhere = out_.newLabel(), done = out_.newLabel();
    const auto table = static_cast<int32_t>(value.table * sizeof(FlowTable));
    const auto field = [&](size_t offset) {
        return x86::qword_ptr(x86::r8, table + static_cast<int32_t>(offset));
    };
    out_.mov(x86::r8, x86::qword_ptr(x86::rdx, offsetof(RunState, tables)));
    out_.mov(x86::rax, x86::rdi);
    out_.xor_(x86::rax, field(kTable.marker));
    out_.jz(elsewhere);
    out_.imul(x86::rax, field(kTable.factor));
    out_.mov(x86::rcx, x86::rax);
    out_.shr(x86::rcx, 32);
    out_.mov(x86::r10, x86::rcx);
    out_.imul(x86::r10, field(kTable.bucket_count));
    out_.shr(x86::r10, 32);
    out_.xor_(x86::eax, x86::ecx);
    out_.movd(x86::xmm0, x86::eax);
    out_.pshufd(x86::xmm0, x86::xmm0, 0);
    out_.mov(x86::r11, x86::r10);
    out_.shl(x86::r11, 6);
    out_.add(x86::r11, field(kTable.buckets));
    out_.pcmpeqd(x86::xmm0, x86::xmmword_ptr(x86::r11, int32_t{kTable.low}));
    out_.movmskps(x86::eax, x86::xmm0);
    out_.test(x86::eax, x86::eax);
    out_.jz(elsewhere);
    // As BSF, where the CPU does not have it: the same for numbers but 0.
    out_.tzcnt(x86::eax, x86::eax);
    out_.cmp(x86::dword_ptr(x86::r11, x86::rax, 2, int32_t{kTable.high}), x86::ecx);
    out_.jne(elsewhere);
    out_.mov(x86::rcx, field(kTable.used));
    out_.movzx(x86::ecx, x86::byte_ptr(x86::rcx, x86::r10));
    out_.bt(x86::ecx, x86::eax);
    out_.jnc(elsewhere);

    const x86::Mem entry = x86::qword_ptr(x86::r11, x86::rax, 3, int32_t{kTable.values});
    switch (value.op) {
        case Op::flow_get:
            out_.mov(x86::rax, entry);
            break;
        case Op::flow_set:
            out_.mov(entry, x86::rsi);
            break;
        default:
            out_.add(x86::rsi, entry);
            out_.mov(entry, x86::rsi);
            out_.mov(x86::rax, x86::rsi);
            break;
    }
    out_.bind(done);
    late_accesses_.push_back({elsewhere, done, &value});
}

void Emitter::late_accesses() {
    for (const LateAccess& late : late_accesses_) {
        const Value& value = *late.value;
        const auto helper = value.op == Op::flow_get   ? flow_get
                            : value.op == Op::flow_set ? flow_set
                                                       : flow_add;
        note_line(value.origin);
        out_.bind(late.label);
        out_.mov(x86::ecx, uint32_t{value.table});
        call_helper(reinterpret_cast<uint64_t>(helper));
        out_.jmp(late.back);
    }
}

}  // namespace vfm::jit
