// Fields at fixed offsets that packets of the same meaning evade.
#include <fmt/core.h>

#include <algorithm>

#include "userspace/lint/lint_run.h"
#include "userspace/lint/rewritten.h"
#include "userspace/lint/shapes.h"

namespace vfm::lint {
namespace {

using lisp::Expr;

struct FoundField {
    std::string_view fixed;
    std::string_view found;   ///< a number, as the fixed one is
    std::string_view advice;  ///< what an author would write
};
constexpr FoundField kFound[] = {
    {"ethertype", "eth.type", "eth.type"}, {"ip-len", "ipv4.len", "ip.len"},
    {"proto", "ip.proto", "ip.proto"},     {"src-ip", "ipv4.src", "ip.src"},
    {"dst-ip", "ipv4.dst", "ip.dst"},      {"src-port", "port.src", "port.src"},
    {"dst-port", "port.dst", "port.dst"},  {"tcp-flags", "tcp.flags", "tcp.flags"},
};

std::string_view fixed_name(const Expr& expr) {
    const auto* field = expr.as<lisp::FixedField>();
    return field ? lisp::all_fields()[field->index].name : std::string_view();
}

const FoundField* found_for(const Expr& expr) {
    const auto row = std::ranges::find(kFound, fixed_name(expr), &FoundField::fixed);
    return row == std::end(kFound) ? nullptr : row;
}

/// Of more fields that no plain packet reaches none are looked at again.
constexpr size_t kFewFields = 256;
constexpr uint64_t kStepsEach = 2'000;

}  // namespace

const Test* LintRun::innermost_test(const Expr& expr) const {
    for (const Expr* at = &expr; at; at = slicer_.parent(*at))
        if (const auto test = tests_.find(at); test != tests_.end()) return test->second;
    return nullptr;
}

/// `(= ethertype 0x8100)` asks whether there is a tag.
bool LintRun::asks_for_tags(const Expr& field, const Test* test) const {
    const Formula* formula = test ? &analysis_.formulas()[test->holds] : nullptr;
    if (fixed_name(field) != "ethertype" || !formula || !formula->is_test()) return false;
    const Outcomes kinds{.numbers = {{0x8100, 0x8100}, {0x88a8, 0x88a8}, {0x9100, 0x9100}}};
    return relation(*formula->yes, kinds) == Relation::within ||
           relation(*formula->no, kinds) == Relation::within;
}

void LintRun::fixed_offsets() {
    const auto tree = rewritten(tree_, files_, [](const Expr& expr) -> std::optional<std::string> {
        const FoundField* row = found_for(expr);
        return row ? std::optional(std::string(row->found)) : std::nullopt;
    });
    std::optional<Judge> found = tree ? judge_of(*tree) : std::nullopt;
    if (!found) return;
    const std::span<const Test> all = analysis_.tests(0);
    std::vector<std::pair<const Expr*, const Test*>> left;
    for (const Expr& expr : tree_.exprs) {
        if (!found_for(expr) || is_known(LintKind::fixed_offset, expr.place)) continue;
        const Test* const test = innermost_test(expr);
        if (asks_for_tags(expr, test)) continue;
        const auto shows = [&](const FrameSpec& spec) {
            return show_disguise(expr, test, spec, *found);
        };
        // What a name stands for is tested elsewhere.
        constexpr size_t kMostTests = 64;
        const auto tries = test ? std::span(test, 1) : all.first(std::min(all.size(), kMostTests));
        bool shown = tries.empty() && try_frames({}, shows);
        for (const Test& at : tries)
            for (const Literal way : {at.holds, !at.holds})
                shown = shown || try_frames(path_and(at.path, {way}), shows, 8);
        if (!shown && test) left.emplace_back(&expr, test);
    }
    if (left.empty() || left.size() > kFewFields) return;
    // No plain packet comes there: those that do are other than the field takes them for.
    const Analysis meant({&*tree});
    const Slicer slicer(*tree);
    if (meant.tests(0).size() != all.size()) return;
    for (const auto& [expr, test] : left) {
        if (is_known(LintKind::fixed_offset, expr->place)) continue;
        const Test& at = meant.tests(0)[static_cast<size_t>(test - all.data())];
        for (const Literal way : {at.holds, !at.holds}) {
            Goals goals = meant.path(at.path);
            goals.insert(goals.begin(), way);
            size_t most = 8;
            search(
                meant.formulas(), meant.nothing_known(), goals,
                [&](const Facts& facts) {
                    return !show_shape(*expr, *test, *at.expr, slicer,
                                       spec_for(meant.terms(), facts, {}), *found) &&
                           --most > 0;
                },
                kStepsEach);
        }
    }
}

/// A packet in another shape than the field is for, which gets another verdict than with the field
/// that is found.
bool LintRun::show_shape(const Expr& field, const Test& test, const Expr& found_test,
                         const Slicer& found_slicer, const FrameSpec& spec, Judge& found) {
    if (spec.tags.empty() || spec.length || spec.fragment != FragmentPart::none) return false;
    const Probe packet{make_frame(spec)};
    judge_.forget();
    found.forget();
    const Verdict got = judge_.verdict(packet), meant = found.verdict(packet);
    if (got == meant) return false;
    Judge* const mine = part(*test.expr);
    std::optional<Judge> other = judge_of(found_slicer.slice(found_test));
    if (!mine || !other) return false;
    mine->forget();
    if (mine->verdict(packet) == other->verdict(packet)) return false;
    add_fixed(field, "behind a VLAN tag", got, meant, 0, packet.bytes);
    return true;
}

void LintRun::add_fixed(const Expr& field, std::string_view how, const Verdict& got,
                        const Verdict& meant, size_t before, Bytes packet) {
    const lisp::FieldInfo& info = lisp::all_fields()[field.as<lisp::FixedField>()->index];
    std::string message = fmt::format(
        "`{}` is read at byte {} whatever stands before: {} this packet gets {}, not {}", info.name,
        info.offset, how, verdict_name(got), verdict_name(meant));
    if (before > 0) message += fmt::format(", after {} like it", before);
    add(LintKind::fixed_offset, field, std::move(message),
        fmt::format("`{}` is found in every shape", found_for(field)->advice), std::move(packet));
}

/// Whether a test, by itself, goes another way for the second packet when the first has come so
/// often.
bool LintRun::differs(const Expr& test, const Probe& plain, const Probe& other, size_t times) {
    Judge* const judge = part(test);
    const auto last = [&](const Probe& packet) {
        judge->forget();
        for (size_t i = 0; i < times; ++i) judge->run(plain);
        return judge->verdict(packet).lets_in();
    };
    return judge && last(plain) != last(other);
}

bool LintRun::show_disguise(const Expr& field, const Test* test, const FrameSpec& spec,
                            Judge& found) {
    if (!spec.tags.empty() || spec.option_words != 0 || spec.length ||
        spec.fragment != FragmentPart::none)
        return false;
    FrameSpec full = spec;
    constexpr size_t kFull = 1'400;
    if (analysis_.state().by_bytes) full.payload.resize(std::max(full.payload.size(), kFull));
    const Probe plain{make_frame(full)};
    const std::vector<size_t> times = analysis_.state().any
                                          ? std::vector<size_t>{0, analysis_.state().repeats + 1}
                                          : std::vector<size_t>{0};
    const auto after = [&](Judge& judge, const Probe& packet, size_t before) {
        judge.forget();
        for (size_t i = 0; i < before; ++i) judge.run(plain);
        return judge.verdict(packet);
    };
    for (const size_t before : times) {
        const Verdict meant = after(found, plain, before);
        if (after(judge_, plain, before) != meant) continue;
        for (const Disguise& disguise : disguises(full)) {
            const Probe other{make_frame(disguise.frame)};
            if (after(found, other, before) != meant) continue;
            const Verdict got = after(judge_, other, before);
            if (got == meant) continue;
            if (test && !differs(*test->expr, plain, other, before)) continue;
            if (is_known(LintKind::fixed_offset, field.place)) return true;
            add_fixed(field, disguise.how, got, meant, before, other.bytes);
            return true;
        }
    }
    return false;
}

}  // namespace vfm::lint
