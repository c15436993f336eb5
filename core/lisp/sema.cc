#include "core/lisp/sema.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/isa/alu.h"
#include "core/isa/limits.h"

namespace vfm::lisp {
namespace {

/// A key expression's text is its table's name: beyond this it is no name any more.
constexpr size_t kMaxTableName = 65536;

std::string_view kind_name(NodeKind kind) {
    switch (kind) {
        case NodeKind::list:
            return "a list";
        case NodeKind::symbol:
            return "a symbol";
        case NodeKind::number:
            return "a number";
        case NodeKind::string:
            return "a string";
        case NodeKind::keyword:
            return "a keyword";
        case NodeKind::bad:
            return "an error";
    }
    return "";
}

/// "2 arguments", "1 or 2 arguments", "at least 2 arguments"
std::string takes(std::span<const FormInfo> rows) {
    const uint32_t min = std::ranges::min(rows, {}, &FormInfo::min).min;
    const uint32_t max = std::ranges::max(rows, {}, &FormInfo::max).max;
    if (max == kMany) return fmt::format("at least {} argument{}", min, min == 1 ? "" : "s");
    if (min == max) return fmt::format("{} argument{}", min, min == 1 ? "" : "s");
    return fmt::format("{} {} {} arguments", min, max == min + 1 ? "or" : "to", max);
}

/// The known name that contains `name` or is contained in it: `dst` and `protocol` are no typing
/// mistakes, but as clear.
std::optional<std::string_view> related(std::string_view name,
                                        std::span<const std::string_view> known) {
    constexpr size_t kTelling = 3;  // shorter parts are in too many names
    for (const std::string_view candidate : known) {
        const auto [shorter, longer] =
            std::minmax(name, candidate, [](auto a, auto b) { return a.size() < b.size(); });
        if (shorter.size() >= kTelling && longer.find(shorter) != std::string_view::npos)
            return candidate;
    }
    return std::nullopt;
}

std::string suggestion(std::string_view name, std::span<const std::string_view> known) {
    std::string lower(name.substr(0, 64));
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    auto found = nearest(name, known);
    if (!found) found = nearest(lower, known);
    if (!found) found = related(lower, known);
    return found ? fmt::format("did you mean `{}`?", *found) : std::string();
}

class Sema {
  public:
    Sema(const SyntaxTree& syntax, ErrorList& errors) : syntax_(syntax), errors_(errors) {
        tree_.source = syntax.source();
    }

    std::optional<Tree> run() {
        std::optional<Expr> filter;
        const std::span<const Node> roots = syntax_.roots();
        if (roots.empty()) errors_.error_after_last_line("no filter: expected an expression");
        // Definitions, which would stand before the filter, are forms that a row of forms.def marks
        // so; there is none, and the first expression is the filter.
        for (const Node& root : roots) {
            if (&root != &roots.front())
                errors_.error(head_span(root), "a second filter expression: a file holds one");
            std::optional<Expr> expr = check_value(root);
            if (&root == &roots.front()) filter = expr;
        }
        if (errors_.has_errors() || !filter) return std::nullopt;
        tree_.exprs.push_back(*filter);
        return std::move(tree_);
    }

  private:
    /// A list whose elements are being checked.
    struct OpenList {
        const Node* list;
        std::span<const Node> elements;  // operator included
        std::span<const FormInfo> rows;  // of the operator, none if it is not one
        size_t next;                     // the element to check next
        std::vector<Expr> arguments;     // those of the elements before that are right

        /// The value of the element just checked. One in the operator's place is no argument.
        void take(const std::optional<Expr>& value) {
            if (value && next > 1) arguments.push_back(*value);
        }
    };

    /// An expression that must give a value. Does not recurse: messages are made at every level,
    /// and a stack frame with their temporaries times kMaxNesting is more than a stack holds.
    std::optional<Expr> check_value(const Node& root) {
        if (root.kind != NodeKind::list) return check_token(root);
        std::vector<OpenList> open;
        open.push_back(open_list(root));
        for (;;) {
            OpenList& top = open.back();
            if (top.next < top.elements.size()) {
                const Node& element = top.elements[top.next++];
                if (element.kind == NodeKind::list)
                    open.push_back(open_list(element));
                else
                    top.take(check_token(element));
                continue;
            }
            const std::optional<Expr> value = close_list(top);
            open.pop_back();
            if (open.empty()) return value;
            open.back().take(value);
        }
    }

    std::optional<Expr> check_token(const Node& node) {
        switch (node.kind) {
            case NodeKind::number:
                return Expr{.kind = ExprKind::number,
                            .known = true,
                            .value = node.value,
                            .span = node.span};
            case NodeKind::symbol:
                return check_name(node);
            case NodeKind::string:
            case NodeKind::keyword:
                errors_.error(node.span, fmt::format("expected an expression, found {}",
                                                     kind_name(node.kind)));
                return std::nullopt;
            case NodeKind::list:
            case NodeKind::bad:
                return std::nullopt;
        }
        return std::nullopt;
    }

    std::optional<Expr> check_name(const Node& node) {
        const std::string_view name = syntax_.text(node);
        if (const auto field = find_field(name))
            return Expr{.kind = ExprKind::field, .index = *field, .span = node.span};
        if (!find_forms(name).empty())
            errors_.error(node.span, fmt::format("`{}` is an operator: expected a value", name),
                          fmt::format("an operator stands first in a list: `({} ...)`", name));
        else
            errors_.error(node.span, fmt::format("unknown name `{}`", printable(name)),
                          suggestion(name, field_names()));
        return std::nullopt;
    }

    OpenList open_list(const Node& list) {
        const std::span<const Node> elements = syntax_.elements(list);
        if (elements.empty()) {
            if (list.closed)
                errors_.error(head_span(list),
                              "an empty list has no value: expected `(operator ...)`");
            return {&list, elements, {}, 0, {}};
        }
        // A list in the operator's place is checked for the errors inside.
        const size_t first = elements.front().kind == NodeKind::list ? 0 : 1;
        return {&list, elements, check_operator(elements.front()), first, {}};
    }

    /// The value of a list all of whose elements are checked.
    std::optional<Expr> close_list(const OpenList& open) {
        const Node& list = *open.list;
        const std::span<const FormInfo> rows = open.rows;
        const std::span<const Expr> arguments = open.arguments;
        // A list without its end may have lost arguments with it: its count says nothing.
        if (rows.empty() || !list.closed) return std::nullopt;
        const std::span<const Node> nodes = open.elements.subspan(1);
        const auto fits = [&](const FormInfo& row) {
            return nodes.size() >= row.min && nodes.size() <= row.max;
        };
        const auto row = std::ranges::find_if(rows, fits);
        if (row == rows.end()) {
            errors_.error(head_span(list), fmt::format("`{}` takes {}, got {}", rows[0].name,
                                                       takes(rows), nodes.size()));
            return std::nullopt;
        }
        if (row->kind == FormKind::count) return check_count(*row, list, nodes[0], arguments);
        if (arguments.size() != nodes.size()) return std::nullopt;
        return make_form(*row, list, arguments);
    }

    /// The rows of the form that the first element of a list names; none if it names none.
    std::span<const FormInfo> check_operator(const Node& node) {
        const std::string_view name = syntax_.text(node);
        if (node.kind == NodeKind::symbol) {
            const std::span<const FormInfo> rows = find_forms(name);
            if (rows.empty() && find_field(name))
                errors_.error(node.span, fmt::format("`{}` is a field: expected an operator", name),
                              fmt::format("a field stands without parentheses: `{}`", name));
            else if (rows.empty())
                errors_.error(node.span, fmt::format("unknown operator `{}`", printable(name)),
                              suggestion(name, form_names()));
            return rows;
        }
        if (node.kind != NodeKind::bad)
            errors_.error(head_span(node),
                          fmt::format("expected an operator, found {}", kind_name(node.kind)));
        return {};
    }

    /// A counting form owns a table named by its key expression as read. The table is settled even
    /// if the key has errors of its own, so that a 65th one is found in the same run.
    std::optional<Expr> check_count(const FormInfo& row, const Node& list, const Node& key,
                                    std::span<const Expr> arguments) {
        std::string name = syntax_.canonical(key, kMaxTableName);
        if (name.size() > kMaxTableName) {
            errors_.error(head_span(list),
                          "too complex: the key expression names a flow table and "
                          "is longer than a name may be");
            return std::nullopt;
        }
        auto found = std::ranges::find(tree_.tables, name, &TableDecl::name);
        if (found == tree_.tables.end()) {
            if (tree_.tables.size() == kMaxTables) {
                errors_.error(head_span(list),
                              fmt::format("too many flow tables: this is key expression number {} "
                                          "or later, and a filter has at most {}",
                                          kMaxTables + 1, kMaxTables));
                return std::nullopt;
            }
            const bool is_field = !arguments.empty() && arguments[0].kind == ExprKind::field;
            const KeyKind kind = is_field ? all_fields()[arguments[0].index].key : KeyKind::u64;
            found = tree_.tables.insert(found, {.name = std::move(name), .key = {kind}});
        }
        if (arguments.empty()) return std::nullopt;
        Expr form = make_form(row, list, arguments);
        form.index = static_cast<uint32_t>(found - tree_.tables.begin());
        return form;
    }

    Expr make_form(const FormInfo& row, const Node& list, std::span<const Expr> arguments) {
        Expr form{.kind = ExprKind::form,
                  .type = row.type,
                  .form = row.id,
                  .first = static_cast<uint32_t>(tree_.exprs.size()),
                  .count = static_cast<uint32_t>(arguments.size()),
                  .span = list.span};
        tree_.exprs.insert(tree_.exprs.end(), arguments.begin(), arguments.end());
        if (row.kind == FormKind::choice && arguments[1].type == Type::truth &&
            arguments[2].type == Type::truth)
            form.type = Type::truth;
        find_known_value(row, list, form, arguments);
        return form;
    }

    /// Arithmetic on constants, so that a division by a constant zero is noticed however it is
    /// written. The code does not use it: making code fast is the work of later passes.
    void find_known_value(const FormInfo& row, const Node& list, Expr& form,
                          std::span<const Expr> arguments) {
        const bool divides = row.op && op_info(*row.op).trap == ErrorKind::division_by_zero;
        if (divides && arguments[1].known && arguments[1].value == 0) {
            errors_.warning(
                head_span(list),
                fmt::format("division by zero: this `{}` never gives a value", row.name));
            return;
        }
        if (!std::ranges::all_of(arguments, &Expr::known)) return;
        uint64_t value = arguments[0].value;
        switch (row.kind) {
            case FormKind::arithmetic:
                for (const Expr& argument : arguments.subspan(1))
                    value = binary(*row.op, value, argument.value);
                break;
            case FormKind::unary:
                value = unary(*row.op, value);
                break;
            case FormKind::comparison:
                value = compare(comparison_of(*row.op), value, arguments[1].value);
                break;
            case FormKind::negation:
                value = value == 0;
                break;
            case FormKind::all:
                value = std::ranges::all_of(arguments, [](const Expr& e) { return e.value != 0; });
                break;
            case FormKind::any:
                value = std::ranges::any_of(arguments, [](const Expr& e) { return e.value != 0; });
                break;
            case FormKind::choice:
                value = arguments[value != 0 ? 1 : 2].value;
                break;
            case FormKind::count:
                return;
        }
        form.known = true;
        form.value = value;
    }

    /// The place of a whole list in messages: its parenthesis, with the operator beside it.
    Span head_span(const Node& node) const {
        if (node.kind != NodeKind::list) return node.span;
        const std::span<const Node> elements = syntax_.elements(node);
        const bool named = !elements.empty() && elements[0].kind == NodeKind::symbol &&
                           elements[0].span.begin == node.span.begin + 1;
        return {node.span.begin, named ? elements[0].span.end : node.span.begin + 1};
    }

    const SyntaxTree& syntax_;
    ErrorList& errors_;
    Tree tree_;
};

}  // namespace

std::optional<Tree> check(const SyntaxTree& syntax, ErrorList& errors) {
    return Sema(syntax, errors).run();
}

}  // namespace vfm::lisp
