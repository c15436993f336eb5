// Counters, and the constants of rules.
#include <algorithm>
#include <cstring>

#include "userspace/jit/runtime/run_state.h"
#include "userspace/jit/x64/emitter.h"

namespace vfm::jit {

using ir::Value;

// A table behind the code, of which entry 0 is what rule 0 and all beyond the last have.
void Emitter::verdict(Id id, const Value& value) {
    const PreparedRules& rules = *function_.program->prepared().rules[value.imm];
    const uint64_t count = function_.program->module().rule_tables[value.imm].verdicts.size();
    const unsigned own = target(id, r10);
    if (const uint64_t* rule = number(value.a); rule || count == 0) {
        load_number(own, rules.verdict(rule ? *rule : 0));
        store(id, own);
        return;
    }
    std::vector<uint64_t> verdicts(count + 1);
    for (uint64_t rule = 0; rule <= count; ++rule) verdicts[rule] = rules.verdict(rule);
    const bool bytes = std::ranges::max(verdicts) <= 0xff;
    Bytes table(bytes ? verdicts.size() : 8 * verdicts.size());
    for (size_t i = 0; i < verdicts.size(); ++i)
        std::memcpy(&table[bytes ? i : 8 * i], &verdicts[i], bytes ? 1 : 8);

    if (notes_) remark("verdict of {}", notes_->rules(value.imm));
    fetch_into(value.a, r11);
    const asmjit::Label known = out_.newLabel();
    out_.cmp(x86::r11, static_cast<int32_t>(count));
    out_.jbe(known);
    out_.xor_(x86::r11d, x86::r11d);
    out_.bind(known);
    out_.lea(x86::r10, x86::ptr(constants_.add(std::move(table))));
    if (bytes)
        out_.movzx(d(own), x86::byte_ptr(x86::r10, x86::r11));
    else
        out_.mov(q(own), x86::qword_ptr(x86::r10, x86::r11, 3));
    store(id, own);
}

void Emitter::count(const Value& value) {
    const auto& groups = function_.program->module().counter_groups;
    uint64_t before = 0;  // counters of other groups
    for (uint64_t group = 0; group < value.imm; ++group) before += groups[group].counters.size();
    const uint64_t size = groups[value.imm].counters.size();
    auto offset = static_cast<int32_t>(before * sizeof(Count));
    const uint64_t* const imm = number(value.a);
    if (imm && *imm >= size) return;
    if (notes_) remark("{}", notes_->counters(value.imm));
    const asmjit::Label beyond = out_.newLabel();
    if (imm) {
        out_.mov(x86::r11, x86::qword_ptr(x86::rdx, offsetof(RunState, counters)));
        offset += static_cast<int32_t>(*imm * sizeof(Count));
    } else {
        fetch_into(value.a, r10);
        out_.mov(x86::r11, x86::qword_ptr(x86::rdx, offsetof(RunState, counters)));
        out_.cmp(x86::r10, static_cast<int32_t>(size));
        out_.jae(beyond);
        out_.shl(x86::r10, 4);
        out_.add(x86::r11, x86::r10);
        if (notes_counters_) out_.shr(x86::r10, 4);
    }
    const auto field = [&](size_t at) {
        return x86::qword_ptr(x86::r11, offset + static_cast<int32_t>(at));
    };
    static_assert(sizeof(Count) == 16);
    out_.add(field(offsetof(Count, packets)), 1);
    out_.add(field(offsetof(Count, bytes)), x86::rsi);
    if (notes_counters_) {
        out_.mov(x86::r11, x86::qword_ptr(x86::rdx, offsetof(RunState, counted_last)));
        const auto number = static_cast<int32_t>(before + 1);
        if (imm) {
            out_.mov(x86::qword_ptr(x86::r11), number + static_cast<int32_t>(*imm));
        } else {
            out_.add(x86::r10, number);
            out_.mov(x86::qword_ptr(x86::r11), x86::r10);
        }
    }
    out_.bind(beyond);
}

}  // namespace vfm::jit
