// What filters can tell apart: the tests of their typed trees as formulas over terms, the paths
// that lead to each, and what is decided at the end of each path. One analysis may be of several
// filters, so that they can be compared; equal tests of them are one formula.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "core/lisp/ast.h"
#include "core/run/verdict.h"
#include "userspace/lint/formulas.h"
#include "userspace/lint/terms.h"

namespace vfm::lint {

inline constexpr uint32_t kNoPath = ~uint32_t{0};

/// A verdict and the way to it.
struct Leaf {
    uint32_t path = kNoPath;
    Verdict::Kind verdict = Verdict::Kind::drop;
    const lisp::Expr* expr = nullptr;   ///< the verdict's expression
    const lisp::Expr* rules = nullptr;  ///< the innermost list of rules that decided
    uint32_t rule = 0;                  ///< its rule, from 1; 0 the default
};

/// A condition that is tested somewhere.
struct Test {
    const lisp::Expr* expr = nullptr;
    Literal holds;
    uint32_t under = kNoPath;   ///< what holds by the forms around it
    uint32_t within = kNoPath;  ///< and what does not hold by them
    uint32_t path = kNoPath;    ///< and that the rules above did not decide
    size_t first_inner = 0;     ///< the tests from this one on, up to this, stand within it
};

/// A list of rules, as it is reached.
struct RuleList {
    const lisp::Expr* expr = nullptr;
    uint32_t path = kNoPath;  ///< to the list
    std::vector<Literal> tests;
};

/// What filters remember, and the limits that they set.
struct StateFacts {
    bool any = false;          ///< some filter has state
    bool by_bytes = false;     ///< something adds up lengths
    uint64_t repeats = 0;      ///< packets after which every limit is passed, as far as that goes
    std::set<uint64_t> times;  ///< nanoseconds after which something is otherwise
    std::set<uint64_t> sums;   ///< limits that no count of packets reaches, but their bytes may
};
/// A sequence has no more equal packets than this.
inline constexpr uint64_t kMostRepeats = 5'000;

class Analysis {
  public:
    /// What is kept points into the trees.
    explicit Analysis(std::vector<const lisp::Tree*> trees);

    const Terms& terms() const { return terms_; }
    const Formulas& formulas() const { return formulas_; }
    Facts nothing_known() const { return Facts(terms_); }

    size_t count() const { return trees_.size(); }
    const lisp::Tree& tree(size_t filter) const { return *trees_[filter]; }
    const std::vector<Leaf>& leaves(size_t filter) const { return filters_[filter].leaves; }
    const std::vector<Test>& tests(size_t filter) const { return filters_[filter].tests; }
    const std::vector<RuleList>& rule_lists(size_t filter) const {
        return filters_[filter].rule_lists;
    }
    const StateFacts& state() const { return state_; }

    /// What holds on a path, the first first.
    std::vector<Literal> path(uint32_t path) const;
    /// What holds on it last.
    Literal last_of(uint32_t path) const {
        return path == kNoPath ? Formulas::truth(true) : paths_[path].holds;
    }

  private:
    friend class TreeReader;
    struct PathStep {
        uint32_t before;
        Literal holds;
    };
    struct OfFilter {
        std::vector<Leaf> leaves;
        std::vector<Test> tests;
        std::vector<RuleList> rule_lists;
    };

    std::vector<const lisp::Tree*> trees_;
    Terms terms_;
    Formulas formulas_;
    std::vector<PathStep> paths_;
    std::vector<OfFilter> filters_;
    StateFacts state_;
};

}  // namespace vfm::lint
