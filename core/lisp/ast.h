// The typed tree: a filter whose names, counts of arguments and tables are all known to be right.
// Only check() (sema.h) makes one; code generation and the direct evaluator of the tests take it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/source.h"
#include "core/lisp/forms.h"
#include "core/module/module.h"

namespace vfm::lisp {

enum class ExprKind : uint8_t { number, field, form };

struct Expr {
    ExprKind kind = ExprKind::number;
    Type type = Type::number;
    Form form{};         ///< of a form
    bool known = false;  ///< the same value in every run, which is `value`; never an error
    uint32_t index = 0;  ///< a field's number in all_fields(); a counting form's table
    uint32_t first = 0;  ///< a form's arguments, see Tree::arguments()
    uint32_t count = 0;
    uint64_t value = 0;
    Span span;
};

struct Tree {
    std::shared_ptr<const SourceFile> source;
    std::vector<Expr> exprs;        ///< arguments of one form stand together, the filter is last
    std::vector<TableDecl> tables;  ///< in the order in which the text first names them

    const Expr& filter() const { return exprs.back(); }
    std::span<const Expr> arguments(const Expr& form) const {
        return std::span(exprs).subspan(form.first, form.count);
    }
    /// What the source calls it: `dst-port`, `count-by`, `443`.
    std::string name(const Expr& expr) const;
};

/// One line an expression, arguments indented below their form: name, type, line:column.
std::string print(const Tree& tree);

}  // namespace vfm::lisp
