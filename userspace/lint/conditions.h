// Expressions of one tree as formulas and terms.
#pragma once

#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/lisp/ast.h"
#include "userspace/lint/formulas.h"
#include "userspace/lint/terms.h"

namespace vfm::lint {

/// Not thread safe. Everything given must outlive it. `filter` tells the trees of one analysis
/// apart.
class Conditions {
  public:
    Conditions(const lisp::Tree& tree, size_t filter, Terms& terms, Formulas& formulas);

    /// The condition that an expression is true; what is absent is not.
    Literal condition(const lisp::Expr& expr);
    /// Whether anything but the packet has a part in a value.
    bool has_state(const lisp::Expr& expr);

  private:
    /// What an expression is where a condition holds: a constant, an address, nothing, or a term
    /// with what is done to it.
    struct Value {
        enum class Kind : uint8_t { number, address, absent, term } kind = Kind::absent;
        uint64_t number = 0;
        Wide address = {};
        TermId term = 0;
        std::vector<Step> steps = {};
    };
    struct Case {
        Literal when;
        Value is;
    };
    using Cases = std::vector<Case>;

    Cases values(const lisp::Expr& expr);
    Cases values_of(const lisp::Expr& expr);
    Cases arithmetic(const lisp::Expr& expr);
    Cases truth_values(const lisp::Expr& expr);
    Cases rule_values(const lisp::Expr& expr);
    Cases choice_values(const lisp::Expr& expr);
    Cases load(const lisp::Expr& expr, const lisp::Load& node);
    Cases unknown(const lisp::Expr& expr);
    Value operate(Opcode op, const Value& a, const Value& b, const lisp::Expr& at);
    Value of_term(TermId term) { return {.kind = Value::Kind::term, .term = term}; }
    TermId as_term(const Value& value);

    Literal condition_of(const lisp::Expr& expr);
    Literal comparison(const lisp::Expr& expr);
    Literal compare_values(Comparison how, const Value& a, const Value& b, bool addresses);
    Literal member(const lisp::Expr& expr, const lisp::Member& node);
    /// A value that is one of these.
    Literal value_in(const Value& value, const Outcomes& goal);
    std::string key_of(const lisp::Expr& expr);
    bool is_steady(const lisp::Expr& expr);
    void find_early_writes(const lisp::Expr& expr, bool decides);

    const lisp::Tree& tree_;
    size_t filter_;
    Terms& terms_;
    Formulas& formulas_;
    std::vector<const lisp::Expr*> bound_;  // by variable
    std::set<uint32_t> written_early_;      // tables
    std::unordered_map<const lisp::Expr*, Literal> conditions_;
    std::unordered_map<const lisp::Expr*, Cases> values_;
    std::unordered_map<const lisp::Expr*, bool> state_;
};

}  // namespace vfm::lint
