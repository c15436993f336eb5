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
constexpr size_t kMostPassing = 64;
constexpr uint64_t kMostSteps = 2'000;

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

bool LintRun::asks_for_fragments(const Expr& test) const {
    if (is_fragment_field(test)) return true;
    for (const Expr& argument : tree_.arguments(test))
        if (asks_for_fragments(argument)) return true;
    return false;
}

void LintRun::later_fragments() {
    if (std::ranges::none_of(tree_.exprs, of_transport)) return;
    // A filter that lets a fragment in because it is one does what it says: then it does not where
    // it is told that it is none.
    const auto tree = rewritten(tree_, files_, [](const Expr& expr) {
        return is_fragment_field(expr) ? std::optional<std::string>("0") : std::nullopt;
    });
    std::optional<Judge> unaware = tree ? judge_of(*tree) : std::nullopt;
    const std::vector<Leaf>& leaves = analysis_.leaves(0);
    const bool few = leaves.size() <= kFewLeaves;
    // What a later fragment is like that passes here, but for its transport header.
    std::vector<Facts> passing = starts_;
    for (const Leaf& leaf : leaves) {
        if (leaf.verdict == Verdict::Kind::drop || !few || passing.size() > kMostPassing) continue;
        search(
            analysis_.formulas(), a_later_fragment(), analysis_.path(leaf.path),
            [&](const Facts& facts) {
                passing.push_back(without_transport(facts));
                return passing.size() % 4 != 0;
            },
            kMostSteps);
    }
    for (const Leaf& leaf : leaves) {
        if (leaf.verdict != Verdict::Kind::drop) continue;
        if (!few && !asks_for_transport(leaf)) continue;
        const auto shows = [&](const FrameSpec& spec) {
            return show_fragment(leaf, spec, unaware ? &*unaware : nullptr);
        };
        for (const Facts& facts : passing)
            if (try_frames(facts, analysis_.path(leaf.path), shows, few ? 4 : 1)) break;
    }
}

Facts LintRun::a_later_fragment() const {
    Facts facts = nothing_known();
    facts.assume(has_term(Header::ip), Outcomes::number(1));
    facts.assume(kFragment, Outcomes::number(1));
    for (const Header header : {Header::tcp, Header::ports, Header::payload})
        facts.assume(has_term(header), Outcomes::number(0));
    return facts;
}

/// What is known of the headers that a whole packet shares with its fragments.
Facts LintRun::without_transport(const Facts& facts) const {
    Facts out = nothing_known();
    for (const Facts::Fact& fact : facts.all()) {
        const Term& term = analysis_.terms()[fact.term];
        if (is_transport(term.header) || fact.term == kFragment || fact.term == kLength) continue;
        if (term.kind == TermKind::state || term.kind == TermKind::pair) continue;
        out.assume(fact.term, *fact.can_be);
    }
    return out;
}

/// What a packet is like that comes after others: equal, or to or from another port each time.
Probe LintRun::nth(const Probe& packet, Sequence sequence, size_t n) {
    Probe out = packet;
    const KeyPlaces places = key_places(packet.bytes);
    const size_t port = sequence == Sequence::from_ports ? 1 : 2;
    if (sequence == Sequence::equal || sequence == Sequence::after_answer) return out;
    if (places.counting.size() <= port) return out;
    const size_t at = places.counting[port];
    const size_t number = load_be(out.bytes.data() + at - 1, 2) + n;
    out.bytes[at] = static_cast<uint8_t>(number);
    out.bytes[at - 1] = static_cast<uint8_t>(number >> 8);
    return out;
}

/// After how many packets one is dropped; nothing if none is.
std::optional<size_t> LintRun::comes_to_drop(Judge& judge, const Probe& packet, Sequence sequence,
                                             const Probe& fragment) const {
    judge.forget();
    if (sequence == Sequence::after_answer) judge.run({answer(fragment.bytes)});
    const size_t most = analysis_.state().any ? analysis_.state().repeats + 2 : 1;
    for (size_t i = 0; i < most; ++i)
        if (judge.verdict(nth(packet, sequence, i)).kind == Verdict::Kind::drop) return i + 1;
    return std::nullopt;
}

bool LintRun::show_fragment(const Leaf& leaf, const FrameSpec& spec, Judge* unaware) {
    if (spec.length || spec.fragment != FragmentPart::none) return false;
    FrameSpec whole = spec;
    constexpr size_t kFull = 1'400;
    if (analysis_.state().by_bytes) whole.payload.resize(std::max(whole.payload.size(), kFull));
    if (show_fragment(leaf, whole, unaware, Sequence::equal)) return true;
    if (!analysis_.state().any) return false;
    for (const Sequence sequence :
         {Sequence::to_ports, Sequence::from_ports, Sequence::after_answer})
        if (show_fragment(leaf, whole, unaware, sequence)) return true;
    return false;
}

bool LintRun::show_fragment(const Leaf& leaf, const FrameSpec& whole, Judge* unaware,
                            Sequence sequence) {
    const auto later = later_fragment(whole);
    if (!later) return false;
    const Probe packet{make_frame(whole)}, fragment{make_frame(*later)};
    const auto times = comes_to_drop(judge_, packet, sequence, fragment);
    const uint32_t group = leaf.rules ? leaf.rules->as<lisp::Rules>()->group : 0;
    // It may be another rule that drops it: that one is told of on its own.
    if (!times || (leaf.rules && judge_.decided(group) != leaf.rule)) return false;
    if (!judge_.verdict(fragment).lets_in()) return false;
    // 0 also where there are no rules.
    const uint32_t passed_by = leaf.rules ? judge_.decided(group).value_or(0) : 0;
    if (passed_by != 0 && asks_for_fragments(tree_.arguments(*leaf.rules)[2 * passed_by - 2]))
        return false;
    if (unaware) {
        comes_to_drop(*unaware, packet, sequence, fragment);
        if (!unaware->verdict(fragment).lets_in()) return false;
    }
    // What lets in whatever comes next does not let it in as a fragment.
    comes_to_drop(judge_, packet, sequence, fragment);
    if (judge_.verdict(nth(packet, sequence, *times)).kind != Verdict::Kind::drop) return false;
    const Expr* at = denying(leaf, packet, fragment);
    if (!at) return false;
    if (is_known(LintKind::later_fragment, at->place)) return true;
    const std::string packet_like =
        *times > 1 ? fmt::format("a packet that comes after {} like it", *times - 1) : "a packet";
    std::string message =
        leaf.rules && leaf.rule != 0
            ? fmt::format("{} drops {}", name_of_rule(*leaf.rules, leaf.rule), packet_like)
            : packet_like + " is dropped";
    message += ", but not its later fragments, which have no ports or ICMP type: this one passes";
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
