// What a run in steps evaluates, as the host is told it.
#include <algorithm>
#include <span>

#include "userspace/capi/state.h"

namespace vfm::capi {
namespace {

/// What a group's counters are to vfm_counter_get(): those of the groups before it come first.
uint32_t first_counter(const Module& module, const CounterGroup& group) {
    uint32_t first = 0;
    for (const CounterGroup* at = module.counter_groups.data(); at != &group; ++at)
        first += static_cast<uint32_t>(at->counters.size());
    return first;
}

void set_use(const TableUse& use, const TableDecl& table, vfm_trace_step_t& out) {
    out.table = table.name.c_str();
    out.table_number = use.table;
    out.key_words = use.key.count;
    std::ranges::copy(use.key.words, out.key);
    out.looked = use.before ? 1 : 0;
    out.before = use.before.value_or(0);
    out.wrote = use.after ? 1 : 0;
    out.after = use.after.value_or(0);
}

void set_value(const TraceStep& step, vfm_trace_step_t& out) {
    out.error = step.end == TraceStep::End::error ? code_of(step.error) : VFM_SUCCESS;
    out.absent = step.end == TraceStep::End::absent ? 1 : 0;
    out.value_kind = static_cast<int>(StepFacts::value_kind(step));
    out.is_test = step.is_test() ? 1 : 0;
    if (step.end != TraceStep::End::value) return;
    out.value_words = step.value.count;
    std::ranges::copy(step.value.words, out.value);
}

}  // namespace

void StepTeller::step(const TraceStep& step) {
    if (!told_.function) return;
    const std::string text = facts_.text(step), value = StepFacts::value_text(step);
    const TableDecl* const table = facts_.table(step);
    const std::string key = table ? key_text(table->key, step.use->key.all()) : "";

    vfm_trace_step_t out{};
    out.is_instruction = step.expression ? 0 : 1;
    out.code_offset = step.expression ? 0 : step.offset;
    out.file = facts_.file(step).c_str();
    if (const auto place = facts_.position(step)) {
        out.line = place->line;
        out.column = place->column;
    }
    out.text = text.c_str();
    out.depth = step.depth;
    set_value(step, out);
    out.value_text = value.c_str();
    if (step.bytes) {
        out.bytes_offset = step.bytes->offset;
        out.bytes_size = step.bytes->size;
    }
    if (table) set_use(*step.use, *table, out);
    out.key_text = key.c_str();
    if (const CounterGroup* const rules = facts_.tested_rules(step)) {
        out.test_of = rules->name.c_str();
        out.test_rule = step.expression->rule;
    }
    if (const CounterGroup* const rules = facts_.decided_rules(step)) {
        out.decided = rules->name.c_str();
        out.decided_rule = *step.decided;
        out.decided_counter = first_counter(facts_.module(), *rules) + *step.decided;
    }
    told_.function(told_.user, &out);
}

}  // namespace vfm::capi
