// Checks of conditions and branches.
#include <fmt/core.h>

#include <algorithm>

#include "core/lisp/checker.h"

namespace vfm::lisp {
namespace {

std::optional<Expr> logical(Checker& checker, const FormInfo& form, const Node& list,
                            ExprNode node) {
    const auto arguments = checker.operands(list, Want::number);
    if (!arguments) return std::nullopt;
    return checker.make(form, list, node, *arguments);
}

/// A branch carries what either side does.
Expr make_choice(Checker& checker, const Node& list, Choice node, std::span<const Expr> arguments) {
    Expr expr = checker.make(form_info(Form::choose), list, node, arguments);
    const Expr &yes = arguments[1], &no = arguments[2];
    if (yes.is_address() || no.is_address())
        expr.type = Type::address;
    else if (yes.type == Type::truth && no.type == Type::truth)
        expr.type = Type::truth;
    expr.absent = yes.absent || no.absent;
    return expr;
}

}  // namespace

std::optional<Expr> check_conjunction(Checker& checker, const FormInfo& form, const Node& list) {
    return logical(checker, form, list, Conjunction{});
}

std::optional<Expr> check_disjunction(Checker& checker, const FormInfo& form, const Node& list) {
    return logical(checker, form, list, Disjunction{});
}

std::optional<Expr> check_negation(Checker& checker, const FormInfo& form, const Node& list) {
    return logical(checker, form, list, Negation{});
}

std::optional<Expr> check_choice(Checker& checker, const FormInfo&, const Node& list) {
    const auto nodes = checker.arguments(list);
    const auto test = checker.expression(nodes[0], Want::number);
    const auto yes = checker.expression(nodes[1], Want::address);
    const auto no = checker.expression(nodes[2], Want::address);
    if (!test || !yes || !no) return std::nullopt;
    const Expr arguments[] = {*test, *yes, *no};
    return make_choice(checker, list, {}, arguments);
}

std::optional<Expr> check_cond(Checker& checker, const FormInfo&, const Node& list) {
    const auto clauses = checker.arguments(list);
    struct Clause {
        const Node* node;
        std::optional<Expr> test, value;
    };
    std::vector<Clause> checked;
    bool right = true;
    const auto wrong = [&](const Node& at, std::string message) {
        checker.error(at, std::move(message));
        right = false;
    };
    for (const Node& clause : clauses) {
        const bool last = &clause == &clauses.back();
        const bool is_else = checker.is_list_of(clause, "else");
        if (clause.kind != NodeKind::list || checker.syntax().elements(clause).size() != 2) {
            if (clause.kind != NodeKind::bad && (clause.kind != NodeKind::list || clause.closed))
                wrong(clause.kind == NodeKind::list ? clause : list,
                      "expected clauses `(test value)` and at the end `(else value)`");
            right = false;
            continue;
        }
        if (is_else && !last) wrong(clause, "`else` stands last: no clause behind it is reached");
        if (last && !is_else && right)
            wrong(list, "`cond` needs `(else value)` as its last clause");
        const auto parts = checker.syntax().elements(clause);
        Clause out{&clause, {}, {}};
        if (!is_else) out.test = checker.expression(parts[0], Want::number);
        out.value = checker.expression(parts[1], Want::address);
        right = right && out.value && (is_else || out.test);
        checked.push_back(out);
    }
    if (!right) return std::nullopt;
    // From the last clause on: each is a choice between its value and all that follow.
    Expr value = *checked.back().value;
    for (size_t i = checked.size() - 1; i-- > 0;) {
        const Expr arguments[] = {*checked[i].test, *checked[i].value, value};
        value = make_choice(checker, i == 0 ? list : *checked[i].node, {i > 0}, arguments);
    }
    return value;
}

std::optional<Expr> check_clause(Checker& checker, const FormInfo& form, const Node& list) {
    const char* where = form.id == Form::otherwise ? "`cond`"
                        : form.id == Form::range   ? "`in` and `defset`"
                                                   : "`rules`";
    checker.error(list, fmt::format("`{}` stands only in {}", form.name, where));
    return std::nullopt;
}

}  // namespace vfm::lisp
