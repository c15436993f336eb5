// Checks of what is read of a packet beside fields: headers, raw loads, length, time, chance, host.
#include <fmt/core.h>

#include <algorithm>

#include "core/lisp/checker.h"
#include "core/lisp/hints.h"

namespace vfm::lisp {

std::optional<Expr> check_has(Checker& checker, const FormInfo& form, const Node& list) {
    const Node& node = checker.arguments(list)[0];
    const bool symbol = node.kind == NodeKind::symbol;
    if (const auto header = symbol ? find_header(checker.text(node)) : std::nullopt)
        return checker.make(form, list, HasHeader{*header}, {});
    if (node.kind == NodeKind::bad) return std::nullopt;
    std::vector<std::string_view> names;
    std::string all;
    for (const HeaderInfo& header : all_headers()) {
        if (header.name.empty()) continue;
        names.push_back(header.name);
        all += fmt::format("{}{}", all.empty() ? "" : " ", header.name);
    }
    checker.error(node, fmt::format("expected a header: {}", all),
                  symbol ? hint_for_name(checker.text(node), names) : std::string());
    return std::nullopt;
}

std::optional<Expr> check_load(Checker& checker, const FormInfo& form, const Node& list) {
    const auto nodes = checker.arguments(list);
    std::optional<Header> payload;
    if (nodes.size() == 2) {
        if (nodes[0].kind == NodeKind::symbol) payload = find_payload(checker.text(nodes[0]));
        if (!payload && nodes[0].kind != NodeKind::bad)
            checker.error(nodes[0],
                          "expected `tcp.payload`, `udp.payload`, `sctp.payload`, "
                          "`icmp.payload` or `icmp6.payload`");
    }
    const auto offset = checker.expression(nodes.back(), Want::number);
    if (!offset || (nodes.size() == 2 && !payload)) return std::nullopt;
    Expr expr = checker.make(form, list, Load{*form.op, payload}, {&*offset, 1});
    expr.absent = payload.has_value() || Checker::number_absent(*offset);
    return expr;
}

std::optional<Expr> check_reading(Checker& checker, const FormInfo& form, const Node& list) {
    return checker.make(form, list, Reading{*form.op}, {});
}

std::optional<Expr> check_sample(Checker& checker, const FormInfo& form, const Node& list) {
    const auto one_in =
        checker.number_between(checker.arguments(list)[0], 1, 0xffffffff, "a constant number");
    if (!one_in) return std::nullopt;
    return checker.make(form, list, Sample{*one_in}, {});
}

std::optional<Expr> check_call(Checker& checker, const FormInfo& form, const Node& list) {
    const auto nodes = checker.arguments(list);
    std::vector<Expr> arguments;
    for (const Node& node : nodes.subspan(1))
        if (const auto expr = checker.expression(node, Want::number)) arguments.push_back(*expr);
    if (nodes[0].kind != NodeKind::symbol) {
        if (nodes[0].kind != NodeKind::bad)
            checker.error(nodes[0], "expected the name of a function of the host");
        return std::nullopt;
    }
    if (arguments.size() != nodes.size() - 1) return std::nullopt;
    std::vector<ImportDecl>& imports = checker.tree().imports;
    const std::string name(checker.text(nodes[0]));
    const auto arity = static_cast<uint8_t>(arguments.size());
    auto found = std::ranges::find(imports, name, &ImportDecl::name);
    if (found == imports.end()) found = imports.insert(found, {name, arity});
    if (found->arity != arity) {
        checker.error(
            list, fmt::format("`{}` was called with {} argument{} before, here with {}",
                              printable(name), found->arity, found->arity == 1 ? "" : "s", arity));
        return std::nullopt;
    }
    Expr expr =
        checker.make(form, list, Call{static_cast<uint32_t>(found - imports.begin())}, arguments);
    expr.absent = std::ranges::any_of(arguments, Checker::number_absent);
    return expr;
}

}  // namespace vfm::lisp
