#include "userspace/lint/lint.h"

#include <fmt/core.h>

#include <algorithm>

#include "userspace/lint/lint_run.h"
#include "userspace/lint/openings.h"
#include "userspace/lint/shapes.h"

namespace vfm::lint {
namespace {

constexpr size_t kFewStyles = 3;
constexpr Style kLintStyles[kFewStyles] = {
    {}, {.pick = Style::Pick::least, .version = 6, .proto = 17}, {.pick = Style::Pick::most}};
constexpr size_t kMostParts = 256;

/// Of a list its parenthesis with the operator, of a word all of it.
Span head_of(const SourceFile& file, Span span) {
    const std::string_view text = file.text().substr(span.begin, span.end - span.begin);
    if (!text.starts_with('(')) return span;
    const size_t end = text.find_first_of(" \t\r\n();\"", 1);
    return {span.begin, span.begin + static_cast<uint32_t>(std::max<size_t>(
                                         1, end == text.npos ? text.size() : end))};
}

}  // namespace

std::string_view lint_name(LintKind kind) {
    switch (kind) {
        case LintKind::fixed_offset:
            return "fixed-offset";
        case LintKind::later_fragment:
            return "later-fragment";
        case LintKind::shadowed:
            return "shadowed";
        case LintKind::always_true:
            return "always-true";
        case LintKind::always_false:
            break;
    }
    return "always-false";
}

LintRun::LintRun(const lisp::Tree& tree, lisp::Files* files, Judge judge)
    : tree_(tree), files_(files), analysis_({&tree}), judge_(std::move(judge)), slicer_(tree) {
    for (const Test& test : analysis_.tests(0)) tests_.emplace(test.expr, &test);
    starts_ = openings(analysis_, 0);
    starts_.insert(starts_.begin(), nothing_known());
}

LintRun::Goals LintRun::path_and(uint32_t path, Goals more) const {
    Goals goals = std::move(more);
    const Goals on_path = analysis_.path(path);
    goals.insert(goals.end(), on_path.begin(), on_path.end());
    return goals;
}

bool LintRun::never(const Goals& goals) const {
    constexpr uint64_t kNeverSteps = 2'000;
    return impossible(analysis_.formulas(), nothing_known(), goals, kNeverSteps);
}

bool LintRun::try_frames(const Facts& start, const Goals& goals,
                         const std::function<bool(const FrameSpec&)>& will_do,
                         size_t most_facts) const {
    constexpr uint64_t kFrameSteps = 2'000;
    bool found = false;
    search(
        analysis_.formulas(), start, goals,
        [&](const Facts& facts) {
            for (const Style& style : kLintStyles)
                if (will_do(spec_for(analysis_.terms(), facts, style))) found = true;
            return !found && --most_facts > 0;
        },
        kFrameSteps);
    return found;
}

bool LintRun::is_known(LintKind kind, const Place& place) const {
    return findings_.contains({place.file, place.span.begin, kind});
}

void LintRun::add(LintKind kind, const lisp::Expr& at, std::string message, std::string hint,
                  Bytes packet) {
    const auto& file = tree_.sources->file(at.place.file);
    Diagnostic diagnostic =
        Diagnostic::at(file, head_of(*file, at.place.span), std::move(message), std::move(hint));
    diagnostic.severity = Severity::warning;
    findings_.try_emplace({at.place.file, at.place.span.begin, kind},
                          Finding{kind, std::move(diagnostic), std::move(packet)});
}

std::string LintRun::name_of_rule(const lisp::Expr& rules, uint32_t rule) const {
    const CounterPlace& place = tree_.groups[rules.as<lisp::Rules>()->group].counters[rule];
    if (!place.name.empty()) return fmt::format("rule '{}'", printable(place.name));
    return fmt::format("rule {} at line {}", rule, place.line);
}

std::string LintRun::quoted(const lisp::Expr& expr) const {
    std::string text(tree_.sources->text(expr.place));
    std::ranges::replace(text, '\n', ' ');
    return fmt::format("`{}`", printable(text));
}

std::optional<Judge> LintRun::judge_of(const lisp::Tree& tree) {
    auto code = lisp::code_of(tree);
    if (!code) return std::nullopt;
    auto judge = Judge::make(std::move(*code));
    if (!judge) return std::nullopt;
    return std::move(*judge);
}

Judge* LintRun::part(const lisp::Expr& expr) {
    auto known = parts_.find(&expr);
    if (known == parts_.end()) {
        if (parts_.size() > kMostParts) parts_.clear();
        known = parts_.emplace(&expr, std::nullopt).first;
        known->second = judge_of(slicer_.slice(expr));
    }
    return known->second ? &*known->second : nullptr;
}

bool LintRun::comes_to(const Probe& packet, const std::function<bool()>& run) {
    const StateFacts& state = analysis_.state();
    for (const bool answers : {false, true}) {
        if (answers && !state.any) break;
        judge_.forget();
        // What an answer has opened.
        if (answers) judge_.run({answer(packet.bytes)});
        const size_t most = state.any ? state.repeats + 1 : 1;
        for (size_t i = 0; i < most; ++i)
            if (run()) return true;
    }
    return false;
}

std::vector<Finding> LintRun::take() {
    std::vector<Finding> out;
    for (auto& [place, finding] : findings_) out.push_back(std::move(finding));
    return out;
}

Result<std::vector<Finding>> lint(const std::shared_ptr<const SourceFile>& source,
                                  lisp::Files* files) {
    const lisp::Analysed analysed = TRY(lisp::analyse(source, files));
    Module code = TRY(lisp::code_of(analysed.tree));
    Judge judge = TRY(Judge::make(std::move(code)));
    LintRun run(analysed.tree, files, std::move(judge));
    run.constant_tests();
    run.shadowed_rules();
    run.later_fragments();
    run.fixed_offsets();
    return run.take();
}

Result<std::vector<Finding>> lint(const Module& module, const std::string& name) {
    const auto source = std::make_shared<const SourceFile>(module.source_name, module.source_text);
    lisp::DiskFiles files;
    const auto compiled = lisp::compile(source, &files);
    if (!compiled || compiled->module.code != module.code)
        return fail(Diagnostic::about(
            name,
            "this bytecode does not carry the VFLisp that it was made of: lint looks at that"));
    return lint(source, &files);
}

}  // namespace vfm::lint
