// Later fragments that pass where the whole packet does not.
#include <fmt/core.h>

#include <algorithm>

#include "userspace/lint/lint_run.h"
#include "userspace/lint/rewritten.h"
#include "userspace/lint/shapes.h"

namespace vfm::lint {
namespace {

using lisp::Expr;
using lisp::Header;

bool is_transport(Header header) {
    constexpr Header kTransport[] = {Header::tcp,   Header::udp,   Header::sctp,   Header::icmp,
                                     Header::icmp6, Header::ports, Header::payload};
    return std::ranges::find(kTransport, header) != std::end(kTransport);
}

bool of_transport(const Expr& expr) {
    if (const auto* field = expr.as<lisp::AnyHeaderField>())
        return is_transport(lisp::all_header_fields()[field->index].header);
    if (const auto* has = expr.as<lisp::HasHeader>()) return is_transport(has->header);
    const auto* load = expr.as<lisp::Load>();
    return load && load->payload;
}

bool is_fragment_field(const Expr& expr) {
    const auto* field = expr.as<lisp::AnyHeaderField>();
    return field && lisp::all_header_fields()[field->index].source == lisp::FieldSource::fragment;
}

/// Filters with more leaves are looked at where they ask for transport headers alone.
constexpr size_t kFewLeaves = 1'000;

}  // namespace

bool LintRun::asks_for_transport(const Leaf& leaf) const {
    if (!leaf.rules || leaf.rule == 0) return true;
    std::vector<const Expr*> open = {&tree_.arguments(*leaf.rules)[2 * leaf.rule - 2],
                                     &tree_.arguments(*leaf.rules)[2 * leaf.rule - 1]};
    while (!open.empty()) {
        const Expr& expr = *open.back();
        open.pop_back();
        if (of_transport(expr) || expr.as<lisp::Variable>()) return true;
        for (const Expr& argument : tree_.arguments(expr)) open.push_back(&argument);
    }
    return false;
}

void LintRun::later_fragments() {
    if (std::ranges::none_of(tree_.exprs, of_transport)) return;
    // A filter that lets a fragment in because it is one does what it says: then it does not where
    // it is told that it is none.
    const auto code = rewritten(tree_, files_, [](const Expr& expr) {
        return is_fragment_field(expr) ? std::optional<std::string>("0") : std::nullopt;
    });
    std::optional<Judge> unaware;
    if (code)
        if (auto judge = Judge::make(*code)) unaware.emplace(std::move(*judge));
    const std::vector<Leaf>& leaves = analysis_.leaves(0);
    for (const Leaf& leaf : leaves) {
        if (leaf.verdict != Leaf::Verdict::drop) continue;
        if (leaves.size() > kFewLeaves && !asks_for_transport(leaf)) continue;
        try_frames(
            analysis_.path(leaf.path),
            [&](const FrameSpec& spec) {
                return show_fragment(leaf, spec, unaware ? &*unaware : nullptr);
            },
            leaves.size() > kFewLeaves ? 1 : 16);
    }
}

/// After how many packets this one is dropped; nothing if it is not.
std::optional<size_t> LintRun::comes_to_drop(Judge& judge, const Probe& packet) const {
    judge.forget();
    const size_t most = analysis_.state().any ? analysis_.state().repeats + 2 : 1;
    for (size_t i = 1; i <= most; ++i)
        if (judge.verdict(packet).kind == Verdict::Kind::drop) return i;
    return std::nullopt;
}

bool LintRun::show_fragment(const Leaf& leaf, const FrameSpec& spec, Judge* unaware) {
    if (spec.length || spec.fragment != FragmentPart::none) return false;
    FrameSpec whole = spec;
    constexpr size_t kFull = 1'400;
    if (analysis_.state().by_bytes) whole.payload.resize(std::max(whole.payload.size(), kFull));
    const auto later = later_fragment(whole);
    if (!later) return false;
    const Probe packet{make_frame(whole)}, fragment{make_frame(*later)};
    const auto times = comes_to_drop(judge_, packet);
    if (!times || !judge_.verdict(fragment).lets_in()) return false;
    const uint32_t group = leaf.rules ? leaf.rules->as<lisp::Rules>()->group : 0;
    // 0 also where there are no rules.
    const uint32_t passed_by = leaf.rules ? judge_.decided(group).value_or(0) : 0;
    if (unaware) {
        comes_to_drop(*unaware, packet);
        if (!unaware->verdict(fragment).lets_in()) return false;
    }
    const Expr* at = denying(leaf, packet, fragment);
    if (!at) return false;
    if (is_known(LintKind::later_fragment, at->place)) return true;
    std::string message = leaf.rules && leaf.rule != 0
                              ? name_of_rule(*leaf.rules, leaf.rule) + " drops a packet"
                              : "a packet is dropped";
    if (*times > 1) message += fmt::format(" when it has come {} times", *times);
    message += " of which a later fragment, which has no ports, passes";
    if (passed_by != 0)
        message += " by " + name_of_rule(*leaf.rules, passed_by);
    else if (leaf.rules)
        message += " by the default";
    add(LintKind::later_fragment, *at, std::move(message),
        "a rule on `ip.frag` above decides what becomes of fragments", fragment.bytes);
    return true;
}

/// The rule's test; else the first test of a transport header that is otherwise for the fragment.
const Expr* LintRun::denying(const Leaf& leaf, const Probe& whole, const Probe& fragment) {
    if (leaf.rules && leaf.rule != 0) return &tree_.arguments(*leaf.rules)[2 * leaf.rule - 2];
    const Expr* some = nullptr;
    for (const Test& test : analysis_.tests(0)) {
        std::vector<const Expr*> open = {test.expr};
        bool found = false;
        while (!open.empty() && !found) {
            found = of_transport(*open.back());
            const auto arguments = tree_.arguments(*open.back());
            open.pop_back();
            for (const Expr& argument : arguments) open.push_back(&argument);
        }
        if (!found) continue;
        if (!some) some = test.expr;
        if (differs(*test.expr, whole, fragment, 1)) return test.expr;
    }
    return some;
}

}  // namespace vfm::lint
