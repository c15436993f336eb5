// Accesses to flow tables. An entry that stands in its home and is known to be used, as nearly all
// are, is found here with the instructions that FlowTable::used_at_home() stands for; for the
// others FlowTable is called, behind the code.
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "userspace/flow/flow_table.h"
#include "userspace/jit/runtime/run_state.h"
#include "userspace/jit/x64/emitter.h"

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

// The same by the words of a key.
uint64_t flow_get_words(const uint64_t* key, uint64_t /*value*/, RunState* state, uint32_t table) {
    return state->tables[table].get(KeyWords{key});
}
uint64_t flow_set_words(const uint64_t* key, uint64_t value, RunState* state, uint32_t table) {
    state->tables[table].set(KeyWords{key}, value);
    return 0;
}
uint64_t flow_add_words(const uint64_t* key, uint64_t delta, RunState* state, uint32_t table) {
    return state->tables[table].add(KeyWords{key}, delta);
}

struct Helper {
    uint64_t (*function)(uint64_t, uint64_t, RunState*, uint32_t);
    uint64_t (*function_of_words)(const uint64_t*, uint64_t, RunState*, uint32_t);
    std::string_view name;
};

Helper helper_of(Op op) {
    if (op == Op::flow_get) return {flow_get, flow_get_words, "FlowTable::get"};
    if (op == Op::flow_set) return {flow_set, flow_set_words, "FlowTable::set"};
    return {flow_add, flow_add_words, "FlowTable::add"};
}

}  // namespace

// The key is in rdi, what is stored or added in rsi or, if it is a small number, nowhere yet. The
// result comes in rax; all registers that a call may change may change.
void Emitter::access_table(const Value& value) {
    const asmjit::Label elsewhere = out_.newLabel(), done = out_.newLabel();
    const auto table = static_cast<int32_t>(value.imm * sizeof(FlowTable));
    const auto field = [&](size_t offset) {
        return x86::qword_ptr(x86::r8, table + static_cast<int32_t>(offset));
    };
    if (notes_) remark("{}: where the key's home is", notes_->access(value));
    // The hash in rcx, the home in rdx, the entry's number there in eax. The state waits in r9.
    out_.mov(x86::r9, x86::rdx);
    out_.mov(x86::r8, x86::qword_ptr(x86::rdx, offsetof(RunState, tables)));
    out_.mov(x86::rcx, x86::rdi);
    out_.xor_(x86::rcx, field(kTable.marker));
    out_.imul(x86::rcx, field(kTable.factor));
    out_.mov(x86::rax, x86::rcx);
    out_.mul(field(kTable.bucket_count));
    out_.shl(x86::rdx, std::countr_zero(kTable.bucket));
    out_.add(x86::rdx, field(kTable.buckets));
    out_.bts(x86::rcx, 63);
    const auto words = [](int32_t offset) {
        return x86::ptr(x86::rdx, int32_t{kTable.words} + offset);
    };
    remark("is it in its home?");
    if (cpu_.avx512) {
        out_.vpbroadcastq(x86::ymm16, x86::rcx);
        out_.vpcmpeqq(x86::k1, x86::ymm16, words(0));
        out_.kmovw(x86::eax, x86::k1);
        out_.tzcnt(x86::eax, x86::eax);
        out_.jc(elsewhere);
    } else {
        out_.movq(x86::xmm0, x86::rcx);
        out_.pshufd(x86::xmm0, x86::xmm0, 0b01'01'01'01);
        out_.movaps(x86::xmm1, words(0));
        out_.shufps(x86::xmm1, words(16), 0b11'01'11'01);
        out_.pcmpeqd(x86::xmm0, x86::xmm1);
        out_.movmskps(x86::eax, x86::xmm0);
        // BSF sets ZF if there is no bit; TZCNT, faster where it is known, does for other numbers
        // what BSF does where it is not.
        out_.test(x86::eax, x86::eax);
        out_.jz(elsewhere);
        out_.tzcnt(x86::eax, x86::eax);
        out_.cmp(x86::qword_ptr(x86::rdx, x86::rax, 3, int32_t{kTable.words}), x86::rcx);
        out_.jne(elsewhere);
    }

    const x86::Mem entry = x86::qword_ptr(x86::rdx, x86::rax, 3, int32_t{kTable.values});
    const std::optional<int32_t> delta = small_delta(value);
    remark("the entry's value");
    if (value.op == Op::flow_get) {
        out_.mov(x86::rax, entry);
    } else if (value.op == Op::flow_set) {
        out_.mov(entry, x86::rsi);
    } else if (delta) {
        out_.mov(x86::rcx, entry);
        out_.add(x86::rcx, *delta);
        out_.mov(entry, x86::rcx);
        out_.mov(x86::rax, x86::rcx);
    } else {
        out_.add(x86::rsi, entry);
        out_.mov(entry, x86::rsi);
        out_.mov(x86::rax, x86::rsi);
    }
    out_.bind(done);
    late_accesses_.push_back({elsewhere, done, &value});
}

// A key of several words, which stand in memory. What is stored or added is in rsi or, if it is a
// small number, nowhere yet.
void Emitter::access_by_long_key(const Value& value) {
    const Helper helper = helper_of(value.op);
    if (notes_) remark("{}", notes_->access(value));
    if (const auto delta = small_delta(value)) out_.mov(x86::esi, *delta);
    out_.lea(x86::rdi, x86::ptr(x86::rsp, static_cast<int32_t>(arguments_)));
    out_.mov(x86::ecx, static_cast<uint32_t>(value.imm));
    call_helper(reinterpret_cast<uint64_t>(helper.function_of_words), helper.name);
}

// What is added, if an instruction can hold it.
std::optional<int32_t> Emitter::small_delta(const Value& value) const {
    const uint64_t* imm = value.op == Op::flow_add ? number(value.b) : nullptr;
    if (!imm || *imm > INT32_MAX) return {};
    return static_cast<int32_t>(*imm);
}

void Emitter::late_accesses() {
    for (const LateAccess& late : late_accesses_) {
        const Value& value = *late.value;
        const Helper helper = helper_of(value.op);
        note_line(value.origin);
        out_.bind(late.label);
        if (notes_) heading("call " + notes_->access(value) + ", not at home");
        out_.mov(x86::rdx, x86::r9);
        if (const auto delta = small_delta(value)) out_.mov(x86::esi, *delta);
        out_.mov(x86::ecx, static_cast<uint32_t>(value.imm));
        call_helper(reinterpret_cast<uint64_t>(helper.function), helper.name);
        out_.jmp(late.back);
    }
}

}  // namespace vfm::jit
