// Conditions of filters as formulas over terms: what a test asks for, without the form in which it
// was written. Equal conditions are one formula, whatever filters they stand in.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "userspace/lint/facts.h"
#include "userspace/lint/terms.h"

namespace vfm::lint {

/// A formula or its opposite.
struct Literal {
    uint32_t node = 0;
    bool negated = false;

    Literal operator!() const { return {node, !negated}; }
    auto operator<=>(const Literal&) const = default;
};

/// What facts say of a formula.
enum class Truth : uint8_t { no, yes, open };
constexpr Truth operator!(Truth truth) {
    return truth == Truth::open ? truth : truth == Truth::yes ? Truth::no : Truth::yes;
}

/// A term that has one of some outcomes, or a conjunction; the first is true.
struct Formula {
    TermId term = 0;
    std::shared_ptr<const Outcomes> yes = {};  ///< null: a conjunction
    std::shared_ptr<const Outcomes> no = {};   ///< the rest of the term's domain
    std::vector<Literal> parts = {};

    bool is_test() const { return yes != nullptr; }
};

class Formulas {
  public:
    Formulas() { formulas_.emplace_back(); }

    const Formula& operator[](Literal literal) const { return formulas_[literal.node]; }

    static Literal truth(bool value) { return {0, !value}; }
    static bool is_constant(Literal literal) { return literal.node == 0; }
    Literal test(const Terms& terms, TermId term, const Outcomes& yes);
    Literal all_of(const std::vector<Literal>& parts);
    Literal any_of(std::vector<Literal> parts);

    Truth truth(Literal literal, const Facts& facts) const;

  private:
    std::vector<Formula> formulas_;
    std::map<std::vector<Literal>, uint32_t> conjunctions_;
    std::map<TermId, std::vector<uint32_t>> tests_;  // by term
};

}  // namespace vfm::lint
