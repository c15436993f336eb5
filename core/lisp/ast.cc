#include "core/lisp/ast.h"

#include <fmt/core.h>

namespace vfm::lisp {
namespace {

std::string detail(const Tree& tree, const Expr& expr) {
    if (expr.kind == ExprKind::field) {
        const FieldInfo& field = all_fields()[expr.index];
        return fmt::format(" bytes {}..{}", field.offset, field.offset + field.size - 1);
    }
    if (expr.kind == ExprKind::form && form_info(expr.form).kind == FormKind::count)
        return fmt::format(" table {} `{}`", expr.index, tree.tables[expr.index].name);
    return {};
}

void print_into(std::string& out, const Tree& tree, const Expr& expr, size_t depth) {
    const Position at = tree.source->position(expr.span.begin);
    out.append(2 * depth, ' ');
    out += fmt::format("{} {} {}:{}{}\n", tree.name(expr), type_name(expr.type), at.line, at.column,
                       detail(tree, expr));
    for (const Expr& argument : tree.arguments(expr)) print_into(out, tree, argument, depth + 1);
}

}  // namespace

std::string Tree::name(const Expr& expr) const {
    switch (expr.kind) {
        case ExprKind::number:
            return fmt::format("{}", expr.value);
        case ExprKind::field:
            return std::string(all_fields()[expr.index].name);
        case ExprKind::form:
            return std::string(form_info(expr.form).name);
    }
    return {};
}

std::string print(const Tree& tree) {
    std::string out;
    print_into(out, tree, tree.filter(), 0);
    return out;
}

}  // namespace vfm::lisp
