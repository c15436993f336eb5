// Rules that never decide.
#include <fmt/core.h>

#include <algorithm>

#include "userspace/lint/lint_run.h"

namespace vfm::lint {

/// Every packet that the rule asks for is decided above.
bool LintRun::is_covered(const RuleList& list, size_t rule) const {
    constexpr size_t kCoverOpen = 64;
    constexpr uint64_t kCoverSteps = 2'000, kMeetSteps = 500;
    const Formulas& formulas = analysis_.formulas();
    bool some = false, covered = true;
    const auto all = search(
        formulas, nothing_known(), path_and(list.path, {list.tests[rule]}),
        [&](const Facts& facts) {
            some = true;
            Goals open;
            for (size_t above = 0; above < rule; ++above) {
                const Truth holds = formulas.truth(list.tests[above], facts);
                if (holds == Truth::yes) return true;
                if (holds == Truth::open && open.size() < kCoverOpen)
                    open.push_back(!list.tests[above]);
            }
            covered = !open.empty() && impossible(formulas, facts, std::move(open), kMeetSteps);
            return covered;
        },
        kCoverSteps);
    return some && covered && all == Search::ended;
}

void LintRun::shadowed_rules() {
    struct SameRule {
        bool always = true;
        const RuleList* list = nullptr;
        size_t rule = 0;
    };
    // By place of the test: a list in a definition is there once a use.
    std::map<std::pair<uint32_t, uint32_t>, SameRule> rules;
    for (const RuleList& list : analysis_.rule_lists(0)) {
        const auto arguments = tree_.arguments(*list.expr);
        for (size_t i = 0; i < list.tests.size(); ++i) {
            const Place& place = arguments[2 * i].place;
            SameRule& same = rules[{place.file, place.span.begin}];
            same.always = same.always && is_covered(list, i);
            if (!same.list) same = {same.always, &list, i};
        }
    }
    for (const auto& [place, same] : rules)
        if (same.always) report_shadowed(*same.list, same.rule);
}

void LintRun::report_shadowed(const RuleList& list, size_t rule) {
    const lisp::Expr& test = tree_.arguments(*list.expr)[2 * rule];
    const uint32_t group = list.expr->as<lisp::Rules>()->group;
    const auto number = static_cast<uint32_t>(rule + 1);
    Judge* const asks = part(test);
    if (!asks) return;
    const auto shows = [&](const FrameSpec& spec) {
        const Probe packet{make_frame(spec)};
        uint32_t decided = 0;
        // No run comes to the test, so it is asked by itself; it finds what the filter remembers.
        const bool shown = comes_to(packet, [&] {
            asks->share(judge_);
            judge_.run(packet);
            decided = judge_.decided(group).value_or(0);
            return decided != 0 && decided < number && asks->verdict(packet).lets_in();
        });
        if (!shown) return false;
        if (is_known(LintKind::shadowed, test.place)) return true;
        add(LintKind::shadowed, test,
            fmt::format(
                "{} never decides: all that it asks for is decided above, this packet by {}",
                name_of_rule(*list.expr, number), name_of_rule(*list.expr, decided)),
            "put the narrower rule above", packet.bytes);
        return true;
    };
    try_frames(path_and(list.path, {list.tests[rule]}), shows, 8);
}

}  // namespace vfm::lint
