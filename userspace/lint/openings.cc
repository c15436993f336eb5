#include "userspace/lint/openings.h"

#include <string>

#include "userspace/lint/solver.h"

namespace vfm::lint {
namespace {

using lisp::Expr;

constexpr uint64_t kStepsToWrite = 2'000;

bool writes(const lisp::Tree& tree, const Expr& expr) {
    const auto* flow = expr.as<lisp::Flow>();
    if (flow && flow->op != Opcode::FLOW_GET) return true;
    for (const Expr& argument : tree.arguments(expr))
        if (writes(tree, argument)) return true;
    return false;
}

/// The field that holds in an answer what this one holds; itself where that is the same.
uint32_t answered(uint32_t field) {
    std::string name(lisp::all_header_fields()[field].name);
    constexpr std::pair<std::string_view, std::string_view> kEnds[] = {
        {".src", ".dst"}, {".dst", ".src"}, {".sport", ".dport"}, {".dport", ".sport"}};
    for (const auto& [one, other] : kEnds)
        if (name.ends_with(one))
            return field_number(name.replace(name.size() - one.size(), one.size(), other));
    return field;
}

/// Nothing where the filter does not ask for what would have to be known.
Facts answer_to(const Analysis& analysis, const Facts& facts) {
    Facts out = analysis.nothing_known();
    for (const Facts::Fact& fact : facts.all()) {
        const Term& term = analysis.terms()[fact.term];
        if (term.kind != TermKind::field && term.kind != TermKind::has) continue;
        const auto other = term.kind == TermKind::field
                               ? analysis.terms().known_field(answered(term.field))
                               : std::optional(fact.term);
        if (other) out.assume(*other, *fact.can_be);
    }
    return out;
}

}  // namespace

std::vector<Facts> openings(const Analysis& analysis, size_t filter) {
    std::vector<Facts> out;
    for (const Leaf& leaf : analysis.leaves(filter)) {
        if (out.size() == kMostOpenings) break;
        if (!writes(analysis.tree(filter), *leaf.expr)) continue;
        search(
            analysis.formulas(), analysis.nothing_known(), analysis.path(leaf.path),
            [&](const Facts& facts) {
                out.push_back(answer_to(analysis, facts));
                return out.size() % 2 != 0 && out.size() < kMostOpenings;
            },
            kStepsToWrite);
    }
    return out;
}

}  // namespace vfm::lint
