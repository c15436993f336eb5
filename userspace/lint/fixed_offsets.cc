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
    {"ethertype", "eth.type", "eth.type"},  {"ip-len", "ipv4.len", "ip.len"},
    {"proto", "ip.proto", "ip.proto"},      {"src-ip", "ipv4.src", "ip.src"},
    {"dst-ip", "ipv4.dst", "ip.dst"},       {"src-port", "port.src", "port.src"},
    {"dst-port", "port.dst", "port.dst"},   {"tcp-flags", "tcp.flags", "tcp.flags"},
};

std::string_view fixed_name(const Expr& expr) {
    const auto* field = expr.as<lisp::FixedField>();
    return field ? lisp::all_fields()[field->index].name : std::string_view();
}

const FoundField* found_for(const Expr& expr) {
    const auto row = std::ranges::find(kFound, fixed_name(expr), &FoundField::fixed);
    return row == std::end(kFound) ? nullptr : row;
}

}  // namespace

const Test* LintRun::innermost_test(const Expr& expr) const {
    for (const Expr* at = &expr; at; at = slicer_.parent(*at))
        if (const auto test = tests_.find(at); test != tests_.end()) return test->second;
    return nullptr;
}

void LintRun::fixed_offsets() {
    const auto code = rewritten(tree_, files_, [](const Expr& expr) -> std::optional<std::string> {
        const FoundField* row = found_for(expr);
        return row ? std::optional(std::string(row->found)) : std::nullopt;
    });
    if (!code) return;
    auto found = Judge::make(*code);
    if (!found) return;
    for (const Expr& expr : tree_.exprs) {
        if (!found_for(expr) || is_known(LintKind::fixed_offset, expr.place)) continue;
        const Test* const test = innermost_test(expr);
        const auto shows = [&](const FrameSpec& spec) {
            return show_disguise(expr, test, spec, *found);
        };
        // What a name stands for is tested elsewhere.
        constexpr size_t kMostTests = 64;
        const std::span<const Test> all = analysis_.tests(0);
        const auto tries = test ? std::span(test, 1) : all.first(std::min(all.size(), kMostTests));
        bool shown = tries.empty() && try_frames({}, shows);
        for (const Test& at : tries)
            for (const Literal way : {at.holds, !at.holds})
                shown = shown || try_frames(path_and(at.path, {way}), shows, 8);
    }
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
    if (spec.version() != 4 || !spec.tags.empty() || spec.option_words != 0 || spec.length ||
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
            const lisp::FieldInfo& info =
                lisp::all_fields()[field.as<lisp::FixedField>()->index];
            std::string message = fmt::format(
                "`{}` is read at byte {} whatever stands before: {} this packet gets {}, not {}",
                info.name, info.offset, disguise.how, verdict_name(got), verdict_name(meant));
            if (before > 0) message += fmt::format(" after {} that count", before);
            add(LintKind::fixed_offset, field, std::move(message),
                fmt::format("`{}` is found in every shape", found_for(field)->advice),
                other.bytes);
            return true;
        }
    }
    return false;
}

}  // namespace vfm::lint
