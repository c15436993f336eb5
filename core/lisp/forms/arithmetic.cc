// Checks of arithmetic and comparisons.
#include <algorithm>

#include "core/lisp/checker.h"
#include "core/lisp/sets.h"

namespace vfm::lisp {

std::optional<Expr> check_arithmetic(Checker& checker, const FormInfo& form, const Node& list) {
    const auto arguments = checker.operands(list, Want::number);
    if (!arguments) return std::nullopt;
    Expr expr = checker.make(form, list, Arithmetic{}, *arguments);
    expr.absent = std::ranges::any_of(*arguments, Checker::number_absent);
    // A network is an address still, and here a number.
    if (form.id == Form::bit_and)
        expr.key = arguments->front().is_address() ? KeyKind::ipv4 : arguments->front().key;
    return expr;
}

std::optional<Expr> check_unary(Checker& checker, const FormInfo& form, const Node& list) {
    const auto arguments = checker.operands(list, Want::number);
    if (!arguments) return std::nullopt;
    Expr expr = checker.make(form, list, Unary{}, *arguments);
    expr.absent = Checker::number_absent(arguments->front());
    return expr;
}

namespace {

/// `=` or `!=` with a prefix on one side: whether the other side is in the set of it alone.
std::optional<Expr> prefix_test(Checker& checker, const FormInfo& form, const Node& list,
                                size_t prefix_at) {
    const auto nodes = checker.arguments(list);
    const std::optional<Expr> other = checker.expression(nodes[1 - prefix_at], Want::address);
    if (!other) return std::nullopt;
    std::optional<uint32_t> number = checker.set_of(list);
    if (!number) {
        const Literal prefix = *checker.find_constant(nodes[prefix_at]);
        SetInfo set{.name = std::string(checker.text(nodes[prefix_at]))};
        add_to_set(set, prefix, prefix);
        normalise(set);
        number = checker.add_set(list, std::move(set));
    }
    return checker.make(form, list, Member{*number, form.id == Form::not_equal}, {&*other, 1});
}

}  // namespace

std::optional<Expr> check_comparison(Checker& checker, const FormInfo& form, const Node& list) {
    const bool takes_addresses = form.id == Form::equal || form.id == Form::not_equal;
    if (takes_addresses) {
        const auto nodes = checker.arguments(list);
        const auto is_prefix = [&](const Node& node) {
            const auto found = checker.find_constant(node);
            return found && found->kind == LiteralKind::prefix;
        };
        if (is_prefix(nodes[0]) && is_prefix(nodes[1])) {
            checker.error(nodes[1], "a prefix is compared with a value, not with a prefix");
            return std::nullopt;
        }
        for (const size_t i : {0, 1})
            if (is_prefix(nodes[i])) return prefix_test(checker, form, list, i);
    }
    const auto arguments = checker.operands(list, takes_addresses ? Want::address : Want::number);
    if (!arguments) return std::nullopt;
    return checker.make(form, list, Compare{}, *arguments);
}

}  // namespace vfm::lisp
