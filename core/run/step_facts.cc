#include "core/run/step_facts.h"

#include "core/isa/insn.h"

namespace vfm {

StepFacts::StepFacts(const VerifiedModule& program) : program_(program) {
    for (uint32_t file = 0; file <= module().included.size(); ++file)
        texts_.emplace_back(module().file_name(file), module().file_text(file));
}

const Insn* StepFacts::instruction(const TraceStep& step) const {
    return step.expression ? nullptr : &program_.insns()[program_.index_of(step.offset)];
}

const std::string& StepFacts::file(const TraceStep& step) const {
    if (step.expression) return module().file_name(step.expression->file);
    const LineEntry* line = module().line_entry_of(step.offset);
    return module().file_name(line ? line->file : 0);
}

std::optional<Position> StepFacts::position(const TraceStep& step) const {
    if (!step.expression) return module().position_of(step.offset);
    return texts_[step.expression->file].position(step.expression->text.begin);
}

std::string StepFacts::text(const TraceStep& step) const {
    if (!step.expression) return instruction_text(*instruction(step));
    const Span& span = step.expression->text;
    return std::string(
        texts_[step.expression->file].text().substr(span.begin, span.end - span.begin));
}

KeyKind StepFacts::value_kind(const TraceStep& step) {
    using Shown = CodeExpression::Shown;
    if (step.value.count == key_kind_words(KeyKind::conn)) return KeyKind::conn;
    if (step.value.count == key_kind_words(KeyKind::ip)) return KeyKind::ip;
    const Shown shown = step.expression ? step.expression->shown : Shown::number;
    if (shown == Shown::ipv4 || shown == Shown::address) return KeyKind::ipv4;
    return shown == Shown::mac ? KeyKind::mac : KeyKind::u64;
}

std::string StepFacts::value_text(const TraceStep& step) {
    if (step.end == TraceStep::End::error) return std::string(error_name(step.error));
    if (step.end == TraceStep::End::absent) return "absent";
    if (step.is_test() && step.value.words[0] <= 1) return step.value.words[0] ? "true" : "false";
    const KeyKind kind = value_kind(step);
    return key_text(std::span(&kind, 1), step.value.all());
}

const CounterGroup* StepFacts::tested_rules(const TraceStep& step) const {
    if (!step.is_rule_test()) return nullptr;
    return &module().counter_groups[step.expression->test_of - 1];
}

const CounterGroup* StepFacts::decided_rules(const TraceStep& step) const {
    if (!step.decided) return nullptr;
    return &module().counter_groups[step.expression->group - 1];
}

}  // namespace vfm
