#include "userspace/tools/test_steps.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/diagnostic.h"
#include "core/base/text.h"

namespace vfm {
namespace {

/// Each stretch of white space, comments included, as one space.
std::string on_one_line(std::string_view text) {
    std::string out;
    bool comment = false, quoted = false;
    for (const char c : text) {
        comment = comment ? c != '\n' : !quoted && c == ';';
        if (!comment && c == '"') quoted = !quoted;
        const bool blank = comment || (!quoted && std::string_view(" \t\n\v\f\r").contains(c));
        if (!blank)
            out += c;
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
    }
    return out;
}

/// True if what is within it gives its value as it is, or turned round.
bool passes_on(const TraceStep& step) {
    using How = CodeExpression::How;
    return step.is_test() || (step.expression && step.expression->how == How::passed);
}

constexpr std::string_view kBuckets = "(rate ";  // no name that `deftable` takes begins so

/// " 5 -> 4 tokens left": what is in a bucket, without the time at which it was filled last. One
/// that was not there is full.
std::string bucket_text(const TableUse& use) {
    constexpr uint64_t kTokens = (uint64_t{1} << 20) - 1;
    std::string text;
    if (use.before) text += *use.before == 0 ? " full" : fmt::format(" {}", *use.before & kTokens);
    if (use.after) text += fmt::format(" -> {}", *use.after & kTokens);
    return text + (text.ends_with(" 1") ? " token left" : " tokens left");
}

}  // namespace

std::optional<StepTexts::Counted> StepTexts::last_counted(
    std::span<const TraceStep> steps, std::optional<std::string_view> group) const {
    for (size_t i = steps.size(); i-- > 1;) {
        const Insn* const insn = instruction(steps[i]);
        if (!insn || insn->op != Opcode::COUNT || steps[i].end == TraceStep::End::error) continue;
        const CounterGroup& rules = module().counter_groups[insn->imm];
        // It takes what was on top of the stack.
        const uint64_t rule = steps[i - 1].value.words[0];
        if ((group && rules.name != *group) || rule >= rules.counters.size()) continue;
        return Counted{&steps[i], &rules, static_cast<uint32_t>(rule)};
    }
    return {};
}

std::string StepTexts::short_text(const TraceStep& step, size_t limit) const {
    return printable(on_one_line(text(step)), limit);
}

std::string StepTexts::use_text(const TraceStep& step) const {
    if (!step.use) return {};
    const TableUse& use = *step.use;
    const TableDecl& table = *this->table(step);
    std::string text =
        fmt::format("{}[{}]", printable(table.name), key_text(table.key, use.key.all()));
    if (table.name.starts_with(kBuckets)) return text + bucket_text(use);
    if (use.before) text += fmt::format(" {}", *use.before);
    if (use.after) text += fmt::format(" -> {}", *use.after);
    return text;
}

namespace {

Json value_json(const TraceStep& step) {
    if (step.end == TraceStep::End::absent) return nullptr;
    const KeyKind kind = StepFacts::value_kind(step);
    return key_parts_json(key_parts(std::span(&kind, 1), step.value.all()));
}

}  // namespace

Json key_parts_json(std::span<const KeyPart> parts) {
    Json all = Json::array();
    for (const KeyPart& part : parts)
        all.push_back(part.is_number ? Json(*parse_number(part.text).value) : Json(part.text));
    return all.size() == 1 ? all[0] : all;
}

Json StepTexts::json(const TraceStep& step) const {
    const auto place = position(step);
    Json out{{"file", file(step)},
             {"line", place ? Json(place->line) : Json()},
             {"column", place ? Json(place->column) : Json()},
             {"text", text(step)}};
    if (!step.expression) out["code_offset"] = step.offset;
    if (step.end == TraceStep::End::error)
        out["error"] = error_name(step.error);
    else
        out["value"] = value_json(step);
    if (step.bytes) out["bytes"] = {{"offset", step.bytes->offset}, {"size", step.bytes->size}};
    if (const TableDecl* const used = table(step)) {
        out["table"] = used->name;
        out["key"] = key_parts_json(key_parts(used->key, step.use->key.all()));
        if (step.use->before) out["before"] = *step.use->before;
        if (step.use->after) out["after"] = *step.use->after;
    }
    if (const CounterGroup* const rules = tested_rules(step)) {
        out["rules"] = rules->name;
        out["rule"] = step.expression->rule;
    }
    if (const CounterGroup* const rules = decided_rules(step))
        out["decided"] = {{"rules", rules->name},
                          {"rule", *step.decided},
                          {"line", rules->counters[*step.decided].line}};
    return out;
}

std::vector<StepNode> step_tree(std::span<const TraceStep> steps) {
    std::vector<StepNode> open;  // whose parent has not come yet
    for (const TraceStep& step : steps) {
        StepNode node{.step = &step, .parts = {}};
        auto first = open.end();
        while (first != open.begin() && std::prev(first)->step->depth > step.depth) --first;
        node.parts.assign(std::make_move_iterator(first), std::make_move_iterator(open.end()));
        open.erase(first, open.end());
        open.push_back(std::move(node));
    }
    return open;
}

namespace {

/// An `or` that does not hold: none of its tests decides alone.
bool every_one_failed(const StepNode& node) {
    return node.parts.size() > 1 && std::ranges::all_of(node.parts, [](const StepNode& part) {
               return part.step->end != TraceStep::End::error && part.step->value.words[0] == 0;
           });
}

}  // namespace

const StepNode& deciding_test(const StepNode& node) {
    const StepNode* at = &node;
    while (!at->parts.empty() && passes_on(*at->step) && at->parts.back().step->is_test() &&
           !every_one_failed(*at))
        at = &at->parts.back();
    return *at;
}

namespace {

/// Of the last `rules` that decided, or of what a COUNT counted last; nothing if there is neither.
std::optional<StepTexts::Counted> deciding_rule(const StepTexts& texts,
                                                std::span<const TraceStep> steps) {
    for (size_t i = steps.size(); i-- > 0;) {
        if (const CounterGroup* const rules = texts.decided_rules(steps[i]))
            return StepTexts::Counted{&steps[i], rules, *steps[i].decided};
    }
    return texts.last_counted(steps);
}

}  // namespace

Decision decision_of(const StepTexts& texts, std::span<const TraceStep> steps) {
    Decision out;
    if (steps.empty()) return out;
    const bool failed = steps.back().end == TraceStep::End::error;
    if (const auto decided = failed ? std::nullopt : deciding_rule(texts, steps)) {
        const CounterPlace& place = decided->rules->counters[decided->rule];
        out.rules = decided->rules;
        out.rule = decided->rule;
        out.step = decided->step;
        out.file = place.file;
        out.line = place.line;
        return out;
    }
    const auto tree = step_tree(steps);
    if (failed) {
        const auto first = std::ranges::find(steps, TraceStep::End::error, &TraceStep::end);
        out.step = &*first;
    } else {
        out.step = deciding_test(tree.back()).step;
    }
    out.file = texts.file(*out.step);
    if (const auto place = texts.position(*out.step)) out.line = place->line;
    return out;
}

std::string Decision::text(const StepTexts& texts) const {
    if (!step) return "nothing";
    const std::string where = line == 0 ? fmt::format("+{:#x}", step->offset)
                                        : fmt::format("{}:{}", printable(file), line);
    if (!rules) return fmt::format("{} at {}", texts.short_text(*step, 40), where);
    const std::string& name = rules->counters[rule].name;
    const std::string group = rules->name == "rules" ? "" : printable(rules->name) + " ";
    if (rule == 0) return fmt::format("{}default at {}", group, where);
    return fmt::format("{}rule {}{} at {}", group, rule,
                       name.empty() ? "" : fmt::format(" \"{}\"", printable(name)), where);
}

std::optional<uint32_t> last_rule(const StepTexts& texts, std::string_view group,
                                  std::span<const TraceStep> steps) {
    for (size_t i = steps.size(); i-- > 0;) {
        const CounterGroup* const rules = texts.decided_rules(steps[i]);
        if (rules && rules->name == group) return steps[i].decided;
    }
    if (const auto counted = texts.last_counted(steps, group)) return counted->rule;
    return {};
}

}  // namespace vfm
