#include "userspace/lint/formulas.h"

#include <algorithm>

namespace vfm::lint {

Literal Formulas::test(const Terms& terms, TermId term, const Outcomes& yes) {
    const Outcomes& domain = terms[term].domain;
    Outcomes holds = meet(domain, yes);
    if (holds.empty()) return truth(false);
    if (holds == domain) return truth(true);
    std::vector<uint32_t>& known = tests_[term];
    for (const uint32_t node : known)
        if (*formulas_[node].yes == holds) return {node, false};
    Formula formula{.term = term,
                    .yes = std::make_shared<const Outcomes>(std::move(holds)),
                    .no = {},
                    .parts = {}};
    formula.no = std::make_shared<const Outcomes>(without(domain, *formula.yes));
    known.push_back(static_cast<uint32_t>(formulas_.size()));
    formulas_.push_back(std::move(formula));
    return {known.back(), false};
}

Literal Formulas::all_of(const std::vector<Literal>& parts) {
    std::vector<Literal> kept;
    for (const Literal part : parts) {
        if (part == truth(false)) return part;
        if (part == truth(true)) continue;
        // A conjunction of conjunctions is one.
        const Formula& formula = formulas_[part.node];
        if (!part.negated && !formula.is_test())
            kept.insert(kept.end(), formula.parts.begin(), formula.parts.end());
        else
            kept.push_back(part);
    }
    std::ranges::sort(kept);
    kept.erase(std::ranges::unique(kept).begin(), kept.end());
    for (size_t i = 0; i + 1 < kept.size(); ++i)
        if (kept[i].node == kept[i + 1].node) return truth(false);
    if (kept.empty()) return truth(true);
    if (kept.size() == 1) return kept[0];
    const auto [at, added] =
        conjunctions_.emplace(std::move(kept), static_cast<uint32_t>(formulas_.size()));
    if (added) {
        Formula formula;
        formula.parts = at->first;
        formulas_.push_back(std::move(formula));
    }
    return {at->second, false};
}

Literal Formulas::any_of(std::vector<Literal> parts) {
    for (Literal& part : parts) part = !part;
    return !all_of(parts);
}

Truth Formulas::truth(Literal literal, const Facts& facts) const {
    const Formula& formula = formulas_[literal.node];
    Truth found = Truth::yes;
    if (formula.is_test()) {
        const Relation lies = relation(facts.of(formula.term), *formula.yes);
        found = lies == Relation::within  ? Truth::yes
                : lies == Relation::apart ? Truth::no
                                          : Truth::open;
    }
    for (const Literal part : formula.parts) {
        const Truth of_part = truth(part, facts);
        if (of_part == Truth::no) {
            found = Truth::no;
            break;
        }
        if (of_part == Truth::open) found = Truth::open;
    }
    return literal.negated ? !found : found;
}

}  // namespace vfm::lint
