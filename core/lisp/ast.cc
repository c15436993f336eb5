#include "core/lisp/ast.h"

#include <fmt/core.h>

namespace vfm::lisp {
namespace {

std::string detail(const Tree& tree, const Expr& expr) {
    if (const auto* fixed = expr.as<FixedField>()) {
        const FieldInfo& field = all_fields()[fixed->index];
        return fmt::format(" bytes {}..{}", field.offset, field.offset + field.size - 1);
    }
    const auto* flow = expr.as<Flow>();
    const auto* rate = expr.as<Rate>();
    if (flow || rate) {
        const uint32_t table = flow ? flow->table : rate->table;
        return fmt::format(" table {} `{}`", table, tree.tables[table].name);
    }
    if (const auto* member = expr.as<Member>())
        return fmt::format(" set {} `{}`", member->set, tree.sets[member->set].name);
    return {};
}

void print_into(std::string& out, const Tree& tree, const Expr& expr, size_t depth) {
    const Position at = tree.sources->position(expr.place);
    out.append(2 * depth, ' ');
    out += fmt::format("{} {} ", tree.name(expr), type_name(expr.type));
    if (expr.place.file != 0) out += tree.sources->file(expr.place.file)->name() + ":";
    out += fmt::format("{}:{}{}{}\n", at.line, at.column, expr.absent ? " or absent" : "",
                       detail(tree, expr));
    for (const Expr& argument : tree.arguments(expr)) print_into(out, tree, argument, depth + 1);
}

}  // namespace

std::string Tree::name(const Expr& expr) const {
    if (const auto* number = expr.as<Number>()) return fmt::format("{}", number->value);
    if (const auto* address = expr.as<AddressLiteral>()) return ipv6_text(address->value);
    if (const auto* field = expr.as<FixedField>())
        return std::string(all_fields()[field->index].name);
    if (const auto* field = expr.as<AnyHeaderField>())
        return std::string(all_header_fields()[field->index].name);
    if (const auto* variable = expr.as<Variable>()) return variables[variable->index].name;
    if (expr.as<Connection>()) return "conn";
    return std::string(form_info(expr.form).name);
}

std::string print(const Tree& tree) {
    std::string out;
    print_into(out, tree, tree.filter(), 0);
    return out;
}

}  // namespace vfm::lisp
