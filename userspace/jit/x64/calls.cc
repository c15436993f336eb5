// Calls of functions: flow tables, sets and rules, random numbers, the host's. Registers that the
// callee may change and that are needed later wait in the frame meanwhile.
#include "userspace/jit/runtime/run_state.h"
#include "userspace/jit/x64/emitter.h"

namespace vfm::jit {

using ir::Op;
using ir::Value;

namespace {

uint64_t next_random(RunState* state) { return state->random.next(); }

uint64_t has_word(uint64_t word, uint64_t /*unused*/, const PreparedSet* set) {
    return set->contains(0, word) ? 1 : 0;
}
uint64_t has_words(uint64_t hi, uint64_t lo, const PreparedSet* set) {
    return set->contains(hi, lo) ? 1 : 0;
}
uint64_t match_rules(const PreparedRules* rules, const uint64_t* operands) {
    return rules->match(operands);
}

}  // namespace

void Emitter::call(Id id, const Value& value) {
    uint32_t live = next_clobber() & kCallerSaved;
    // The result may have taken the register of a value that waits in the frame for good.
    if (const unsigned own = target(id, kNoRegister); own != kNoRegister)
        live &= ~register_bit(own);
    for (unsigned reg = 0; reg < 16; ++reg)
        if (live & register_bit(reg)) out_.mov(waiting(reg), q(reg));
    const ir::OpKind kind = ir::op_info(value.op).kind;
    const bool long_key = kind == ir::OpKind::flow && !value.more.empty();
    if (long_key)
        write_arguments({value.a}, value.more);
    else
        write_arguments({}, value.more);
    // rsi before rdi: what is still to be loaded from the packet needs rdi.
    if (value.b != ir::kNone && !small_delta(value)) fetch_into(value.b, rsi);
    if (value.a != ir::kNone && !long_key) fetch_into(value.a, rdi);
    if (value.op == Op::call) {
        call_host(value);
    } else if (value.op == Op::rand) {
        out_.mov(x86::rdi, x86::rdx);
        call_helper(reinterpret_cast<uint64_t>(next_random), "RandomSequence::next");
    } else if (value.op == Op::match) {
        ask_rules(value);
    } else if (kind == ir::OpKind::declared) {
        ask_set(value);
    } else if (long_key) {
        access_by_long_key(value);
    } else {
        access_table(value);
    }
    store(id, rax);
    for (unsigned reg = 0; reg < 16; ++reg)
        if (live & register_bit(reg)) out_.mov(q(reg), waiting(reg));
}

void Emitter::call_function(const asmjit::Operand& target) {
    const bool bare = frame_bytes_ == 0 && frame_.pushed == 0;  // the stack is not aligned yet
    if (bare) out_.sub(x86::rsp, 8);
    out_.emit(x86::Inst::kIdCall, target);
    if (bare) out_.add(x86::rsp, 8);
}

// A function of ours, by its address.
void Emitter::call_helper(uint64_t address, std::string_view name) {
    if (notes_) notes_->add(out_.offset(), NativeNote::Kind::symbol, std::string(name));
    out_.mov(x86::rax, address);
    call_function(x86::rax);
}

// function(user, arguments)
void Emitter::call_host(const Value& value) {
    const auto entry = static_cast<int32_t>(value.imm * sizeof(HostEntry));
    if (notes_) remark("{}", notes_->host_function(value.imm));
    out_.mov(x86::rax, x86::qword_ptr(x86::rdx, offsetof(RunState, host)));
    out_.mov(x86::rdi,
             x86::qword_ptr(x86::rax, entry + static_cast<int32_t>(offsetof(HostEntry, user))));
    out_.lea(x86::rsi, x86::ptr(x86::rsp, static_cast<int32_t>(arguments_)));
    call_function(
        x86::qword_ptr(x86::rax, entry + static_cast<int32_t>(offsetof(HostEntry, function))));
}

// Words that a function reads from memory, one behind the other. Uses r11.
void Emitter::write_arguments(std::initializer_list<Id> first, const ir::IdList& words) {
    auto offset = static_cast<int32_t>(arguments_);
    const auto write = [&](Id word) {
        const x86::Mem at = x86::qword_ptr(x86::rsp, offset);
        const uint64_t* imm = number(word);
        if (imm && *imm <= INT32_MAX)
            out_.mov(at, static_cast<int32_t>(*imm));
        else
            out_.mov(at, q(fetch(word, r11)));
        offset += 8;
    };
    for (const Id word : first) write(word);
    for (const Id word : words) write(word);
}

// The key is in rdi or, its upper word first, in rdi and rsi.
void Emitter::ask_set(const Value& value) {
    if (names_live_set(function_, value)) {
        if (notes_) remark("{} as it is now", notes_->set(value.imm));
        out_.mov(x86::rdx, x86::qword_ptr(x86::rdx, offsetof(RunState, sets)));
        out_.mov(x86::rdx, x86::qword_ptr(x86::rdx, static_cast<int32_t>(value.imm * 8)));
    } else {
        const PreparedSet* const set = function_.program->prepared().sets[value.imm].get();
        if (notes_) notes_->add(out_.offset(), NativeNote::Kind::symbol, notes_->set(value.imm));
        out_.mov(x86::rdx, reinterpret_cast<uint64_t>(set));
    }
    if (value.op == Op::member)
        call_helper(reinterpret_cast<uint64_t>(has_word), "PreparedSet::contains");
    else
        call_helper(reinterpret_cast<uint64_t>(has_words), "PreparedSet::contains");
}

void Emitter::ask_rules(const Value& value) {
    const PreparedRules* const rules = function_.program->prepared().rules[value.imm].get();
    out_.lea(x86::rsi, x86::ptr(x86::rsp, static_cast<int32_t>(arguments_)));
    if (notes_) notes_->add(out_.offset(), NativeNote::Kind::symbol, notes_->rules(value.imm));
    out_.mov(x86::rdi, reinterpret_cast<uint64_t>(rules));
    call_helper(reinterpret_cast<uint64_t>(match_rules), "PreparedRules::match");
}

}  // namespace vfm::jit
