#include "core/lisp/checker.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/lisp/hints.h"

namespace vfm::lisp {
namespace {

std::string_view kind_name(NodeKind kind) {
    switch (kind) {
        case NodeKind::list:
            return "a list";
        case NodeKind::symbol:
            return "a symbol";
        case NodeKind::number:
            return "a number";
        case NodeKind::address:
            return "an address";
        case NodeKind::prefix:
            return "a prefix";
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

using Check = std::optional<Expr> (*)(Checker&, const FormInfo&, const Node&);

Check check_of(FormKind kind) {
    switch (kind) {
#define VFM_KIND(name)   \
    case FormKind::name: \
        return check_##name;
        VFM_KIND(arithmetic)
        VFM_KIND(unary)
        VFM_KIND(comparison)
        VFM_KIND(conjunction)
        VFM_KIND(disjunction)
        VFM_KIND(negation)
        VFM_KIND(choice)
        VFM_KIND(cond)
        VFM_KIND(let)
        VFM_KIND(has)
        VFM_KIND(in)
        VFM_KIND(load)
        VFM_KIND(reading)
        VFM_KIND(sample)
        VFM_KIND(call)
        VFM_KIND(rules)
        VFM_KIND(count)
        VFM_KIND(flow_get)
        VFM_KIND(flow_set)
        VFM_KIND(flow_add)
        VFM_KIND(rate)
        VFM_KIND(definition)
        VFM_KIND(clause)
#undef VFM_KIND
    }
    return nullptr;
}

}  // namespace

/// While the body of a definition stands in the place of its use.
class Checker::Expansion {
  public:
    Expansion(Checker& checker, Place at, const Definition& definition, size_t locals)
        : checker_(checker), scope_(checker.scope_), use_(checker.use_), locals_(locals) {
        const auto number = checker.by_name_.at(definition.name);
        checker.scope_ = {definition.syntax, number, locals, definition.root};
        if (!checker.use_) checker.use_ = at;
    }
    ~Expansion() {
        checker_.scope_ = scope_;
        checker_.use_ = use_;
        checker_.unbind_to(locals_);
    }
    Expansion(const Expansion&) = delete;
    Expansion& operator=(const Expansion&) = delete;

  private:
    Checker& checker_;
    Scope scope_;
    std::optional<Place> use_;
    size_t locals_;
};

bool Checker::is_list_of(const Node& node, std::string_view name) const {
    if (node.kind != NodeKind::list) return false;
    const auto elements = syntax().elements(node);
    return !elements.empty() && is_symbol(elements[0], name);
}

Place Checker::head(const Node& node) const {
    if (node.kind != NodeKind::list) return place(node);
    const std::span<const Node> elements = syntax().elements(node);
    const bool named = !elements.empty() && elements[0].kind == NodeKind::symbol &&
                       elements[0].span.begin == node.span.begin + 1;
    return {syntax().file(), {node.span.begin, named ? elements[0].span.end : node.span.begin + 1}};
}

void Checker::error(const Node& node, std::string message, std::string hint) {
    errors_.error(use_ ? *use_ : head(node), std::move(message), std::move(hint));
}

void Checker::warning(const Node& node, std::string message) {
    if (!use_) errors_.warning(head(node), std::move(message));
}

bool Checker::too_complex(std::string message) {
    if (!gave_up_)
        errors_.error(filter_place_.value_or(Place{}), "too complex: " + std::move(message));
    gave_up_ = true;
    return false;
}

// The functions that call each other once a level keep their frames small: what makes messages, and
// what ends at a token, are functions of their own that are not put in line.

[[gnu::noinline]] bool Checker::may_go_on() {
    if (use_ && ++expanded_ > kMaxExpansion)
        too_complex(
            fmt::format("definitions are used for more than {} expressions", kMaxExpansion));
    if (depth_ >= kMaxDepth)
        too_complex(fmt::format("more than {} forms and names stand within each other", kMaxDepth));
    return !gave_up_;
}

std::optional<Expr> Checker::expression(const Node& node, Want want) {
    if (!may_go_on()) return std::nullopt;
    ++depth_;
    std::optional<Expr> result = node.kind == NodeKind::list ? list(node) : token(node, want);
    --depth_;
    return result;
}

[[gnu::noinline]] std::optional<Expr> Checker::token(const Node& node, Want want) {
    switch (node.kind) {
        case NodeKind::number:
            return number(node, node.literal.lo);
        case NodeKind::address:
            if (want == Want::address)
                return Expr{.node = AddressLiteral{{node.literal.hi, node.literal.lo}},
                            .type = Type::address,
                            .key = KeyKind::ip,
                            .place = place(node)};
            error(node, "an IPv6 address where a number is expected");
            return std::nullopt;
        case NodeKind::prefix:
            error(node, "a prefix stands only in `=`, `!=`, `in` and as the value of a `define`");
            return std::nullopt;
        case NodeKind::symbol:
            return name(node);
        case NodeKind::string:
        case NodeKind::keyword:
            return expected_expression(node);
        case NodeKind::list:
        case NodeKind::bad:
            break;
    }
    return std::nullopt;
}

std::optional<Expr> Checker::expected_expression(const Node& node) {
    error(node, fmt::format("expected an expression, found {}", kind_name(node.kind)));
    return std::nullopt;
}

std::optional<Expr> Checker::number(const Node& node, uint64_t value, KeyKind key) const {
    return Expr{
        .node = Number{value}, .known = true, .key = key, .value = value, .place = place(node)};
}

std::optional<uint32_t> Checker::find_local(std::string_view name) const {
    const auto found = innermost_.find(name);
    if (found == innermost_.end() || found->second < scope_.locals) return std::nullopt;
    return locals_[found->second].variable;
}

const Definition* Checker::find_definition(std::string_view name) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end() || found->second >= scope_.definitions) return nullptr;
    return &definitions_[found->second];
}

bool Checker::is_function_name(std::string_view name) const {
    if (find_local(name)) return false;
    const Definition* definition = find_definition(name);
    return definition && definition->kind == DefinitionKind::function;
}

std::optional<Expr> Checker::name(const Node& node) {
    const std::string_view word = text(node);
    if (const auto variable = find_local(word)) {
        const VariableInfo& info = tree_.variables[*variable];
        return Expr{.node = Variable{*variable},
                    .type = info.type,
                    .absent = info.absent,
                    .key = info.key,
                    .place = place(node)};
    }
    if (const Definition* definition = find_definition(word)) return use(node, *definition);
    if (const auto field = find_field(word))
        return Expr{
            .node = FixedField{*field}, .key = all_fields()[*field].key, .place = place(node)};
    if (const auto field = find_header_field(word)) {
        const HeaderField& info = all_header_fields()[*field];
        return Expr{.node = AnyHeaderField{*field},
                    .type = info.source == FieldSource::address ? Type::address : Type::number,
                    .absent = info.header != Header::packet,
                    .key = info.key,
                    .place = place(node)};
    }
    if (const auto value = find_number(word)) return number(node, *value);
    return unknown_name(node);
}

std::optional<Expr> Checker::unknown_name(const Node& node) {
    const std::string_view word = text(node);
    if (word == "conn")
        error(node, "`conn` stands only in the key of a flow table");
    else if (const auto header = find_payload(word))
        error(node, fmt::format("`{}` is where a load begins: expected a value", word),
              fmt::format("a load from it is `(u8 {} 0)`", word));
    else if (word.starts_with('@'))
        error(node, fmt::format("`{}` is a set: expected a value", printable(word)),
              fmt::format("a set is asked with `in`: `(in ip.src {})`", printable(word)));
    else if (is_verdict(word))
        error(node, fmt::format("`{}` is a verdict: it stands in `rules`", word),
              "as a filter's value 0 drops, 1 passes, 2 passes and logs");
    else if (!find_forms(word).empty())
        error(node, fmt::format("`{}` is an operator: expected a value", word),
              fmt::format("an operator stands first in a list: `({} ...)`", word));
    else
        error(node, fmt::format("unknown name `{}`", printable(word)), name_hint(word));
    return std::nullopt;
}

bool Checker::may_hint() { return hints_++ < kMaxHints; }

std::string Checker::name_hint(std::string_view word) {
    if (!may_hint()) return {};
    std::vector<std::string_view> known(value_names().begin(), value_names().end());
    for (size_t i = 0; i < scope_.definitions; ++i) known.push_back(definitions_[i].name);
    for (size_t i = scope_.locals; i < locals_.size(); ++i) known.push_back(locals_[i].name);
    return hint_for_name(word, known);
}

std::string Checker::operator_hint(std::string_view word) {
    if (!may_hint()) return {};
    std::vector<std::string_view> known(form_names().begin(), form_names().end());
    for (size_t i = 0; i < scope_.definitions; ++i)
        if (definitions_[i].kind == DefinitionKind::function) known.push_back(definitions_[i].name);
    return hint_for_operator(word, known);
}

std::optional<Expr> Checker::list(const Node& node) {
    const std::span<const Node> elements = syntax().elements(node);
    if (elements.empty() || elements[0].kind != NodeKind::symbol) return no_operator(node);
    const std::string_view word = text(elements[0]);
    const std::span<const FormInfo> rows = find_forms(word);
    if (!rows.empty()) return form(node, rows);
    if (is_function_name(word)) return use_function(node, *find_definition(word));
    return unknown_operator(node);
}

[[gnu::noinline]] std::optional<Expr> Checker::no_operator(const Node& node) {
    const std::span<const Node> elements = syntax().elements(node);
    if (elements.empty()) {
        if (node.closed) error(node, "an empty list has no value: expected `(operator ...)`");
        return std::nullopt;
    }
    const Node& first = elements[0];
    if (first.kind != NodeKind::bad)
        error(first, fmt::format("expected an operator, found {}", kind_name(first.kind)));
    check_all(first.kind == NodeKind::list ? elements : elements.subspan(1));
    return std::nullopt;
}

[[gnu::noinline]] std::optional<Expr> Checker::unknown_operator(const Node& node) {
    const Node& operator_node = syntax().elements(node)[0];
    const std::string_view word = text(operator_node);
    if (find_field(word) || find_header_field(word))
        error(operator_node, fmt::format("`{}` is a field: expected an operator", word),
              fmt::format("a field stands without parentheses: `{}`", word));
    else if (find_local(word) || find_definition(word))
        error(operator_node, fmt::format("`{}` is no function: expected an operator", word));
    else
        error(operator_node, fmt::format("unknown operator `{}`", printable(word)),
              operator_hint(word));
    check_all(arguments(node));
    return std::nullopt;
}

std::optional<Expr> Checker::form(const Node& node, std::span<const FormInfo> rows) {
    const size_t count = arguments(node).size();
    const auto row = std::ranges::find_if(
        rows, [&](const FormInfo& r) { return count >= r.min && count <= r.max; });
    // A list without its end may have lost arguments with it: its count says nothing.
    if (row == rows.end() || !node.closed) return wrong_count(node, rows);
    return check_of(row->kind)(*this, *row, node);
}

[[gnu::noinline]] std::optional<Expr> Checker::wrong_count(const Node& node,
                                                           std::span<const FormInfo> rows) {
    const size_t count = arguments(node).size();
    if (node.closed)
        error(node, fmt::format("`{}` takes {}, got {}", rows[0].name, takes(rows), count));
    if (rows[0].kind <= FormKind::choice) check_all(arguments(node));
    return std::nullopt;
}

void Checker::check_all(std::span<const Node> nodes) {
    for (const Node& node : nodes) expression(node, Want::address);
}

std::optional<std::vector<Expr>> Checker::operands(const Node& list, Want want) {
    std::vector<Expr> out;
    const std::span<const Node> nodes = arguments(list);
    for (const Node& node : nodes)
        if (const std::optional<Expr> expr = expression(node, want)) out.push_back(*expr);
    if (out.size() != nodes.size()) return std::nullopt;
    return out;
}

Expr Checker::make(const FormInfo& form, const Node& list, ExprNode node,
                   std::span<const Expr> arguments) {
    Expr expr{.node = node,
              .form = form.id,
              .type = form.type,
              .first = static_cast<uint32_t>(tree_.exprs.size()),
              .count = static_cast<uint32_t>(arguments.size()),
              .place = place(list)};
    tree_.exprs.insert(tree_.exprs.end(), arguments.begin(), arguments.end());
    // A comparison with a prefix is a test for membership, with one operand.
    if (form.kind <= FormKind::choice && !std::holds_alternative<Member>(expr.node))
        find_known_value(form, list, expr, arguments);
    return expr;
}

uint32_t Checker::bind(std::string_view name, const Expr& value) {
    const auto variable = static_cast<uint32_t>(tree_.variables.size());
    tree_.variables.push_back({std::string(name), value.type, value.absent, value.key});
    const auto [at, first] = innermost_.try_emplace(name, locals_.size());
    locals_.push_back({name, variable, first ? std::nullopt : std::optional(at->second)});
    at->second = locals_.size() - 1;
    return variable;
}

void Checker::unbind_to(size_t count) {
    while (locals_.size() > count) {
        const Local& last = locals_.back();
        if (last.hidden)
            innermost_[last.name] = *last.hidden;
        else
            innermost_.erase(last.name);
        locals_.pop_back();
    }
}

/// Arithmetic on constants, so that a division by a constant zero is noticed however it is written.
/// The code does not use it: making code fast is the work of later passes.
void Checker::find_known_value(const FormInfo& form, const Node& list, Expr& expr,
                               std::span<const Expr> arguments) {
    const bool divides = form.op && op_info(*form.op).trap == ErrorKind::division_by_zero;
    if (divides && arguments[1].known && arguments[1].value == 0) {
        warning(list, fmt::format("division by zero: this `{}` never gives a value", form.name));
        return;
    }
    if (!std::ranges::all_of(arguments, &Expr::known)) return;
    const auto is_true = [](const Expr& e) { return e.value != 0; };
    uint64_t value = arguments[0].value;
    switch (form.kind) {
        case FormKind::arithmetic:
            for (const Expr& argument : arguments.subspan(1))
                value = binary(*form.op, value, argument.value);
            break;
        case FormKind::unary:
            value = unary(*form.op, value);
            break;
        case FormKind::comparison:
            value = compare(comparison_of(*form.op), value, arguments[1].value);
            break;
        case FormKind::negation:
            value = value == 0;
            break;
        case FormKind::conjunction:
            value = std::ranges::all_of(arguments, is_true);
            break;
        case FormKind::disjunction:
            value = std::ranges::any_of(arguments, is_true);
            break;
        default:  // choice: nobody else asks
            value = arguments[value != 0 ? 1 : 2].value;
            break;
    }
    expr.known = true;
    expr.value = value;
}

bool Checker::is_known(std::string_view word) const {
    return find_local(word) || find_definition(word) || find_field(word) ||
           find_header_field(word) || find_number(word) || !find_forms(word).empty();
}

std::optional<Literal> Checker::find_constant(const Node& node) const {
    if (node.kind == NodeKind::number || node.kind == NodeKind::address ||
        node.kind == NodeKind::prefix)
        return node.literal;
    if (node.kind != NodeKind::symbol || find_local(text(node))) return std::nullopt;
    if (const Definition* definition = find_definition(text(node))) return definition->constant;
    const auto value = find_number(text(node));
    return value ? std::optional(Literal{.lo = *value}) : std::nullopt;
}

std::optional<Literal> Checker::constant(const Node& node, std::string_view expected) {
    if (node.kind == NodeKind::bad) return std::nullopt;
    const auto found = find_constant(node);
    if (!found) {
        if (node.kind != NodeKind::symbol || is_known(text(node)))
            error(node, fmt::format("expected {}", expected));
        else
            unknown_name(node);
    }
    return found;
}

std::optional<uint64_t> Checker::number_between(const Node& node, uint64_t least, uint64_t most,
                                                std::string_view what) {
    const std::string expected = fmt::format("{} from {} to {}", what, least, most);
    const auto value = constant(node, expected);
    if (!value) return std::nullopt;
    if (value->kind == LiteralKind::number && value->lo >= least && value->lo <= most)
        return value->lo;
    error(node, "expected " + expected);
    return std::nullopt;
}

std::optional<Expr> Checker::use(const Node& node, const Definition& definition) {
    if (definition.failed) return std::nullopt;
    switch (definition.kind) {
        case DefinitionKind::value:
            break;
        case DefinitionKind::function:
            error(node, fmt::format("`{}` is a function: expected a value", definition.name),
                  fmt::format("it is used as `({} ...)`", definition.name));
            return std::nullopt;
        case DefinitionKind::set:
            error(node, fmt::format("`{}` is a set: expected a value", definition.name),
                  fmt::format("it is used as `(in value @{})`", definition.name));
            return std::nullopt;
        case DefinitionKind::table:
            error(node, fmt::format("`{}` is a flow table: expected a value", definition.name),
                  fmt::format("it is used as `(flow-get {} key)`", definition.name));
            return std::nullopt;
    }
    if (definition.constant && definition.constant->kind == LiteralKind::number)
        return number(node, definition.constant->lo);
    if (definition.constant && definition.constant->kind == LiteralKind::prefix) {
        error(node, "a prefix stands only in `=`, `!=`, `in` and as the value of a `define`");
        return std::nullopt;
    }
    if (dry_)  // nothing is known of it here: the most that a value can be
        return Expr{.type = Type::address, .absent = true, .place = place(node)};
    const Expansion expansion(*this, place(node), definition, locals_.size());
    return expression(*definition.body, Want::address);
}

std::optional<Expr> Checker::use_function(const Node& node, const Definition& definition) {
    const std::span<const Node> nodes = arguments(node);
    const size_t count = definition.parameters.size();
    if (!node.closed || nodes.size() != count) {
        if (node.closed)
            error(node, fmt::format("`{}` takes {} argument{}, got {}", definition.name, count,
                                    count == 1 ? "" : "s", nodes.size()));
        check_all(nodes);
        return std::nullopt;
    }
    std::optional<std::vector<Expr>> values = operands(node, Want::address);
    if (!values || definition.failed) return std::nullopt;
    if (dry_) return Expr{.type = Type::address, .absent = true, .place = place(node)};
    const auto first = static_cast<uint32_t>(tree_.bound.size());
    std::optional<Expr> body;
    {
        const Expansion expansion(*this, place(node), definition, locals_.size());
        for (size_t i = 0; i < count; ++i)
            tree_.bound.push_back(bind(definition.parameters[i], (*values)[i]));
        body = expression(*definition.body, Want::address);
    }
    if (!body) return std::nullopt;
    values->push_back(*body);
    Expr expr = make(form_info(Form::let), node, Let{first}, *values);
    expr.type = body->type;
    expr.absent = body->absent;
    return expr;
}

}  // namespace vfm::lisp
