// The check of `let`; what a definition binds is checker.cc's.
#include <fmt/core.h>

#include "core/lisp/checker.h"

namespace vfm::lisp {

bool Checker::is_free_name(const Node& node, std::string_view what) {
    if (node.kind != NodeKind::symbol) {
        if (node.kind != NodeKind::bad) error(node, fmt::format("expected a name for {}", what));
        return false;
    }
    const std::string_view word = text(node);
    const char* taken = nullptr;
    if (find_field(word) || find_header_field(word))
        taken = "a field";
    else if (!find_forms(word).empty())
        taken = "a form";
    else if (word == "drop" || word == "pass" || word == "log")
        taken = "a verdict";
    else if (word == "conn" || find_payload(word))
        taken = "a word of the language";
    else if (word.starts_with('@'))
        taken = "how a set is used";
    if (taken)
        error(node, fmt::format("`{}` is {}: expected another name for {}", printable(word), taken,
                                what));
    return taken == nullptr;
}

std::optional<Expr> check_let(Checker& checker, const FormInfo& form, const Node& list) {
    const auto nodes = checker.arguments(list);
    const Node& bindings = nodes[0];
    const size_t before = checker.local_count();
    bool right = bindings.kind == NodeKind::list && bindings.closed;
    std::vector<Expr> arguments;
    std::vector<uint32_t> variables;
    if (bindings.kind != NodeKind::list) {
        if (bindings.kind != NodeKind::bad)
            checker.error(bindings, "expected a list of bindings: `((name value) ...)`");
    } else {
        for (const Node& binding : checker.syntax().elements(bindings)) {
            if (binding.kind != NodeKind::list) {
                right = false;
                if (binding.kind == NodeKind::bad) continue;
                checker.error(bindings, "expected a list of bindings: `((name value) ...)`");
                break;
            }
            if (checker.syntax().elements(binding).size() != 2) {
                if (binding.closed) checker.error(binding, "expected a binding `(name value)`");
                right = false;
                continue;
            }
            const auto parts = checker.syntax().elements(binding);
            const bool free = checker.is_free_name(parts[0], "a value");
            const auto value = checker.expression(parts[1], Want::address);
            right = right && free && value;
            if (!free) continue;
            // With a value that is wrong the name is known all the same.
            variables.push_back(checker.bind(checker.text(parts[0]), value.value_or(Expr{})));
            if (value) arguments.push_back(*value);
        }
    }
    const auto body = checker.expression(nodes[1], Want::address);
    checker.unbind_to(before);
    if (!right || !body) return std::nullopt;
    if (variables.empty()) return body;
    const auto first = static_cast<uint32_t>(checker.tree().bound.size());
    checker.tree().bound.insert(checker.tree().bound.end(), variables.begin(), variables.end());
    arguments.push_back(*body);
    Expr expr = checker.make(form, list, Let{first}, arguments);
    expr.type = body->type;
    expr.absent = body->absent;
    return expr;
}

}  // namespace vfm::lisp
