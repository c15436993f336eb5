// The explanation of a packet for people.
#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/diagnostic.h"
#include "core/run/verdict.h"
#include "userspace/tools/test_explain.h"

namespace vfm {
namespace {

constexpr size_t kWidth = 48;      // of what has been evaluated, where notes stand behind it
constexpr size_t kTestWidth = 52;  // of the test of a rule

/// "bytes 26..29"
std::string bytes_text(const TraceStep& step) {
    if (!step.bytes) return {};
    const auto& [offset, size] = *step.bytes;
    if (size == 1) return fmt::format("byte {}", offset);
    return fmt::format("bytes {}..{}", offset, offset + size - 1);
}

class Page {
  public:
    Page(const StepTexts& texts, bool every_step) : texts_(texts), every_step_(every_step) {}

    std::string take() { return std::move(out_); }
    /// What has been evaluated, in order, what it was evaluated from indented above it.
    void steps(const StepNode& node, unsigned indent) {
        if (!every_step_ && node.step->expression && node.step->expression->group != 0)
            return rules(node, indent);
        for (const StepNode& part : node.parts) steps(part, indent + 1);
        line(*node.step, indent);
    }
    void head(uint64_t number, size_t length, const Outcome& outcome,
              std::span<const TraceStep> all) {
        const Decision decision = decision_of(texts_, all);
        out_ += fmt::format("packet {}, {} bytes: {}", number, length,
                            verdict_name(Verdict::of(outcome)));
        if (outcome.value > 2) out_ += fmt::format(" (value {})", outcome.value);
        const bool failed = outcome.error != ErrorKind::success;
        out_ += fmt::format(" {} {}", failed ? "in" : "by", decision.text(texts_));
        if (!decision.rules && decision.step && decision.step != &all.back() && !failed)
            out_ += fmt::format(", which is {}", texts_.value_text(*decision.step));
        out_ += "\n\n";
    }

  private:
    void line(const TraceStep& step, unsigned indent) {
        std::string notes = bytes_text(step);
        if (const std::string use = texts_.use_text(step); !use.empty())
            notes += (notes.empty() ? "" : ", ") + use;
        if (step.decided) notes += (notes.empty() ? "" : ", ") + rule_name(step, *step.decided);
        put(place(step),
            fmt::format("{:{}}{}{}", "", 2 * indent, texts_.short_text(step), gave(step)), notes);
    }

    void put(const std::string& place, const std::string& what, const std::string& notes) {
        out_ += notes.empty()
                    ? fmt::format("{:<{}}{}\n", place, place_width(), what)
                    : fmt::format("{:<{}}{:<{}}  {}\n", place, place_width(), what, kWidth, notes);
    }

    /// " = 443"; nothing for an instruction that leaves the stack empty.
    std::string gave(const TraceStep& step) const {
        const bool gone = step.end == TraceStep::End::absent;
        if (gone && !step.expression) return {};
        return (gone ? " is " : " = ") + texts_.value_text(step);
    }

    /// The file is named where there is more than one.
    std::string place(const TraceStep& step) const {
        const auto at = texts_.position(step);
        if (!at) return fmt::format("+{:#06x}", step.offset);
        std::string there = fmt::format("{}:{}", at->line, at->column);
        if (texts_.module().included.empty()) return there;
        return fmt::format("{}:{}", printable(texts_.file(step), 24), there);
    }
    size_t place_width() const { return texts_.module().included.empty() ? 9 : 34; }

    const CounterPlace& counter(const TraceStep& rules, uint32_t rule) const {
        return texts_.module().counter_groups[rules.expression->group - 1].counters[rule];
    }
    std::string rule_name(const TraceStep& rules, uint32_t rule) const {
        const std::string& name = counter(rules, rule).name;
        if (rule == 0) return "default";
        return fmt::format("rule {}{}", rule,
                           name.empty() ? "" : fmt::format(" \"{}\"", printable(name, 30)));
    }
    std::string rule_place(const TraceStep& rules, uint32_t rule) const {
        const CounterPlace& at = counter(rules, rule);
        if (texts_.module().included.empty()) return fmt::format("{}", at.line);
        return fmt::format("{}:{}", printable(at.file, 24), at.line);
    }

    /// A rule that was tested: "5  rule 1 "bogons"  no  (in ip.src @bogons)  ip.src = 10.0.0.1,
    /// ...".
    struct Row {
        std::string place, name, state, test, notes;
    };

    /// A line for each rule that does not hold; all of the one that does.
    void rules(const StepNode& node, unsigned indent) {
        const TraceStep& whole = *node.step;
        std::vector<std::pair<Row, const StepNode*>> rows;  // with what is shown in full below it
        for (const StepNode& part : node.parts) {
            const CodeExpression* test = part.step->expression;
            if (test->test_of != whole.expression->group)
                rows.push_back({{}, &part});
            else
                rows.push_back(tested(whole, part));
        }
        size_t names = 0, tests = 0;
        for (const auto& [row, part] : rows) {
            names = std::max(names, row.name.size());
            if (!row.notes.empty()) tests = std::max(tests, row.test.size());
        }
        for (const auto& [row, part] : rows) {
            if (!row.name.empty())
                out_ += without_trailing_blanks(
                            fmt::format("{:<{}}{:{}}{:<{}}  {:<4} {:<{}}  {}", row.place,
                                        place_width(), "", 2 * indent, row.name, names, row.state,
                                        row.test, std::min(tests, kTestWidth), row.notes)) +
                        "\n";
            if (part) steps(*part, indent + 2);
        }
        if (whole.decided == 0u)
            out_ += fmt::format("{:<{}}{:{}}default\n", rule_place(whole, 0), place_width(), "",
                                2 * indent);
        std::string value = texts_.value_text(whole);
        if (whole.end == TraceStep::End::value && whole.value.words[0] <= 2)
            value +=
                fmt::format(" {}", verdict_name(Verdict::of(Outcome::of(whole.value.words[0]))));
        put(place(whole), fmt::format("{:{}}(rules ...) = {}", "", 2 * indent, value),
            whole.decided ? rule_name(whole, *whole.decided) : "");
    }

    std::pair<Row, const StepNode*> tested(const TraceStep& rules, const StepNode& test) const {
        const uint32_t rule = test.step->expression->rule;
        Row row{.place = rule_place(rules, rule),
                .name = rule_name(rules, rule),
                .state = {},
                .test = {},
                .notes = {}};
        if (test.step->end == TraceStep::End::error || rules.decided == rule) {
            row.state =
                test.step->end == TraceStep::End::error ? texts_.value_text(*test.step) : "yes";
            return {row, &test};
        }
        const StepNode& at = deciding_test(test);
        row.state = "no";
        row.test = fmt::format("{} is {}", texts_.short_text(*at.step, kTestWidth - 9),
                               texts_.value_text(*at.step));
        std::vector<std::string> notes;
        for (const StepNode& part : at.parts) note(part, notes);
        for (const std::string& text : notes) row.notes += (row.notes.empty() ? "" : ", ") + text;
        uses(test, row.notes);
        return {row, nullptr};
    }
    /// What it gave and, down to the fields, from what, once; of a test from what alone.
    void note(const StepNode& node, std::vector<std::string>& notes) const {
        const CodeExpression* expression = node.step->expression;
        const bool test = expression && expression->shown == CodeExpression::Shown::truth;
        if (!test || node.parts.empty()) {
            const bool gone = node.step->end == TraceStep::End::absent;
            std::string text = fmt::format("{}{}{}", texts_.short_text(*node.step, 32),
                                           gone ? " is " : " = ", texts_.value_text(*node.step));
            if (node.step->bytes) text += " in " + bytes_text(*node.step);
            if (std::ranges::find(notes, text) == notes.end()) notes.push_back(std::move(text));
            if (node.step->bytes) return;
        }
        for (const StepNode& part : node.parts) note(part, notes);
    }
    static std::string without_trailing_blanks(std::string text) {
        text.resize(text.find_last_not_of(' ') + 1);
        return text;
    }

    /// What was done to tables there.
    void uses(const StepNode& node, std::string& out) const {
        for (const StepNode& part : node.parts) uses(part, out);
        if (node.step->use) out += (out.empty() ? "" : ", ") + texts_.use_text(*node.step);
    }

    const StepTexts& texts_;
    bool every_step_;
    std::string out_;
};

}  // namespace

std::string explain_text(const StepTexts& texts, uint64_t number, size_t length,
                         const Outcome& outcome, std::span<const TraceStep> steps,
                         bool every_step) {
    Page page(texts, every_step);
    page.head(number, length, outcome, steps);
    for (const StepNode& node : step_tree(steps)) page.steps(node, 0);
    return page.take();
}

}  // namespace vfm
