// Tests that are always true or always false.
#include <fmt/core.h>

#include <algorithm>

#include "userspace/lint/lint_run.h"

namespace vfm::lint {
namespace {

/// By place, what all uses of a test that stand there have in common.
struct SamePlace {
    const Test* first = nullptr;
    std::optional<bool> value;
    bool where_present = false;
};

/// Watches what the expression at a place gives in a run.
class Watch final : public Tracer {
  public:
    explicit Watch(const Place& place) : place_(place) {}
    /// Whether it was evaluated, and was true, or not.
    bool gave(bool value) const { return value ? true_ : false_; }

  private:
    void step(const TraceStep& step) override {
        if (!step.expression || step.end == TraceStep::End::error) return;
        if (Place{step.expression->file, step.expression->text} != place_) return;
        const bool holds = step.end == TraceStep::End::value && step.value.words[0] != 0;
        (holds ? true_ : false_) = true;
    }

    Place place_;
    bool true_ = false, false_ = false;
};

}  // namespace

/// By the forms around it alone: a rule that others shadow is another lint. What is false because
/// of an alternative before it is a finding, what is true because of one is a way to write.
std::optional<bool> LintRun::constant_value(const Test& test) const {
    if (never(path_and(test.within, {}))) return std::nullopt;
    if (never(path_and(test.within, {test.holds}))) return false;
    if (never(path_and(test.under, {!test.holds}))) return true;
    return std::nullopt;
}

/// A comparison that holds for every value that its field can have, with a number that it cannot:
/// `(< tcp.dport 70000)`. With one that it can, `(>= vlan.inner 0)`, it is a way to ask whether the
/// field is there.
bool LintRun::holds_where_present(const Test& test) const {
    const Formula& formula = analysis_.formulas()[test.holds];
    if (!formula.is_test() || test.holds.negated || !test.expr->as<lisp::Compare>()) return false;
    Outcomes values = analysis_.terms()[formula.term].domain;
    values.absent = false;
    if (*formula.yes != values) return false;
    return std::ranges::any_of(tree_.arguments(*test.expr), [&](const lisp::Expr& argument) {
        return argument.known && !values.holds(argument.value);
    });
}

void LintRun::constant_tests() {
    const std::vector<Test>& tests = analysis_.tests(0);
    std::vector<std::optional<bool>> values(tests.size());
    std::map<std::pair<uint32_t, uint32_t>, SamePlace> places;
    for (size_t i = 0; i < tests.size(); ++i) {
        const Test& test = tests[i];
        // What is wrong is the innermost.
        const auto inner = std::span(values).subspan(test.first_inner, i - test.first_inner);
        if (std::ranges::any_of(inner, [](const auto& value) { return value.has_value(); })) {
            values[i] = true;
            continue;
        }
        const bool where_present = holds_where_present(test);
        values[i] = where_present ? std::optional(true) : constant_value(test);
        const Place& place = test.expr->place;
        const auto [at, added] = places.emplace(std::pair(place.file, place.span.begin),
                                                SamePlace{&test, values[i], where_present});
        if (!added && at->second.value != values[i]) at->second.value.reset();
    }
    for (const auto& [place, same] : places)
        if (same.value) report_constant(*same.first, *same.value);
}

void LintRun::report_constant(const Test& test, bool value) {
    const bool where_present = holds_where_present(test);
    const LintKind kind = value ? LintKind::always_true : LintKind::always_false;
    const auto shows = [&](const FrameSpec& spec) {
        const Probe packet{make_frame(spec)};
        const bool shown = comes_to(packet, [&] {
            Watch watch(test.expr->place);
            judge_.run(packet, &watch);
            return watch.gave(value);
        });
        if (!shown) return false;
        if (is_known(kind, test.expr->place)) return true;
        add(kind, *test.expr,
            where_present
                ? fmt::format("{} holds for every value that is there", quoted(*test.expr))
                : fmt::format("{} is always {}", quoted(*test.expr), value),
            {}, packet.bytes);
        return true;
    };
    Goals goals = where_present ? Goals{test.holds} : Goals{};
    if (!try_frames(path_and(test.path, goals), shows))
        try_frames(path_and(test.within, std::move(goals)), shows);
}

}  // namespace vfm::lint
