// Parts of a filter as filters of their own, so that a run says what one test is, also where the
// whole filter decides before it comes to it.
#pragma once

#include <vector>

#include "core/lisp/ast.h"

namespace vfm::lint {

class Slicer {
  public:
    /// The tree must outlive it.
    explicit Slicer(const lisp::Tree& tree);

    /// The expression, with the names that it uses. It has counters and state of its own.
    lisp::Tree slice(const lisp::Expr& expr) const;
    /// What an expression is an argument of; null for the filter.
    const lisp::Expr* parent(const lisp::Expr& expr) const {
        const uint32_t at = parents_[number(expr)];
        return at == number(expr) ? nullptr : &tree_.exprs[at];
    }

  private:
    uint32_t number(const lisp::Expr& expr) const {
        return static_cast<uint32_t>(&expr - tree_.exprs.data());
    }

    const lisp::Tree& tree_;
    std::vector<uint32_t> parents_;  // by expression; the filter's is itself
};

}  // namespace vfm::lint
