#include "userspace/lint/conditions.h"

#include <fmt/core.h>

#include <algorithm>

namespace vfm::lint {
namespace {

using lisp::Expr;

/// Values of an expression that branches are told apart for.
constexpr size_t kMostCases = 64;
/// Bytes of the name of a value of which no more is known.
constexpr size_t kMostName = 4'096;

const std::vector<NumberRange> kAllNumbers = {{0, ~uint64_t{0}}};

/// Everything but what is absent.
Outcomes anything() { return {.numbers = kAllNumbers, .addresses = {Outcomes::every_address()}}; }

/// Numbers that compare with one.
std::vector<NumberRange> numbers_that(Comparison comparison, uint64_t number) {
    constexpr uint64_t kMost = ~uint64_t{0};
    switch (comparison) {
        case Comparison::eq:
            return {{number, number}};
        case Comparison::ne:
            return without({.numbers = kAllNumbers}, Outcomes::number(number)).numbers;
        case Comparison::lt:
            return number == 0 ? std::vector<NumberRange>{}
                               : std::vector<NumberRange>{{0, number - 1}};
        case Comparison::le:
            return {{0, number}};
        case Comparison::gt:
            return number == kMost ? std::vector<NumberRange>{}
                                   : std::vector<NumberRange>{{number + 1, kMost}};
        case Comparison::ge:
            return {{number, kMost}};
    }
    return {};
}

}  // namespace

Conditions::Conditions(const lisp::Tree& tree, size_t filter, Terms& terms, Formulas& formulas)
    : tree_(tree),
      filter_(filter),
      terms_(terms),
      formulas_(formulas),
      bound_(tree.variables.size(), nullptr) {
    for (const Expr& expr : tree.exprs)
        if (const auto* let = expr.as<lisp::Let>())
            for (uint32_t i = 0; i + 1 < expr.count; ++i)
                bound_[tree.bound[let->first + i]] = &tree.arguments(expr)[i];
    find_early_writes(tree.filter(), true);
}

bool Conditions::has_state(const Expr& expr) {
    if (const auto known = state_.find(&expr); known != state_.end()) return known->second;
    bool found = expr.as<lisp::Flow>() || expr.as<lisp::Rate>() || expr.as<lisp::Sample>() ||
                 expr.as<lisp::Call>();
    if (const auto* reading = expr.as<lisp::Reading>()) found = reading->op == Opcode::NOW;
    if (const auto* member = expr.as<lisp::Member>()) found = tree_.sets[member->set].live;
    if (const auto* variable = expr.as<lisp::Variable>())
        found = bound_[variable->index] && has_state(*bound_[variable->index]);
    for (const Expr& argument : tree_.arguments(expr)) found = has_state(argument) || found;
    return state_[&expr] = found;
}

/// Whether a value with state is the same wherever one run asks for it: the clock, and what is read
/// of a table that only verdicts write.
bool Conditions::is_steady(const Expr& expr) {
    if (expr.as<lisp::Rate>() || expr.as<lisp::Sample>() || expr.as<lisp::Call>()) return false;
    if (const auto* flow = expr.as<lisp::Flow>())
        if (flow->op != Opcode::FLOW_GET || written_early_.contains(flow->table)) return false;
    if (const auto* variable = expr.as<lisp::Variable>())
        return is_steady(*bound_[variable->index]);
    return std::ranges::all_of(tree_.arguments(expr),
                               [&](const Expr& argument) { return is_steady(argument); });
}

/// Tables that are written where a test may still come.
void Conditions::find_early_writes(const Expr& expr, bool decides) {
    const auto arguments = tree_.arguments(expr);
    const auto* flow = expr.as<lisp::Flow>();
    if (flow && flow->op != Opcode::FLOW_GET && !decides) written_early_.insert(flow->table);
    if (const auto* rate = expr.as<lisp::Rate>()) written_early_.insert(rate->table);
    for (size_t i = 0; i < arguments.size(); ++i) {
        const bool last = i + 1 == arguments.size();
        const bool verdict = (expr.as<lisp::Rules>() && (i % 2 == 1 || last)) ||
                             (expr.as<lisp::Choice>() && i > 0) || (expr.as<lisp::Let>() && last);
        find_early_writes(arguments[i], decides && verdict);
    }
}

/// Names a value by all that it is made of, or, where that is not so, by its place.
std::string Conditions::key_of(const Expr& expr) {
    std::string place = fmt::format("#{}.{}", filter_, &expr - tree_.exprs.data());
    if (has_state(expr) && !is_steady(expr)) return place;
    if (const auto* variable = expr.as<lisp::Variable>()) return key_of(*bound_[variable->index]);
    std::string out = fmt::format("({}.{}", expr.node.index(), static_cast<unsigned>(expr.form));
    if (const auto* number = expr.as<lisp::Number>()) out += fmt::format(" {}", number->value);
    if (const auto* field = expr.as<lisp::FixedField>()) out += fmt::format(" {}", field->index);
    if (const auto* field = expr.as<lisp::AnyHeaderField>())
        out += fmt::format(" {}", field->index);
    if (const auto* has = expr.as<lisp::HasHeader>())
        out += fmt::format(" {}", static_cast<unsigned>(has->header));
    if (const auto* address = expr.as<lisp::AddressLiteral>())
        out += " " + ipv6_text(address->value);
    if (const auto* load = expr.as<lisp::Load>())
        out += fmt::format(" {}", load->payload ? static_cast<int>(*load->payload) : -1);
    if (const auto* flow = expr.as<lisp::Flow>())
        out += fmt::format(" {}.{}", filter_, flow->table);
    if (expr.as<lisp::Member>() || expr.as<lisp::Rules>()) return place;
    for (const Expr& argument : tree_.arguments(expr)) {
        out += " " + key_of(argument);
        if (out.size() > kMostName) return place;
    }
    return out + ")";
}

Conditions::Cases Conditions::unknown(const Expr& expr) {
    Outcomes domain{.absent = expr.absent, .numbers = kAllNumbers};
    if (expr.is_address()) domain.addresses = {Outcomes::every_address()};
    if (expr.type == lisp::Type::truth) domain.numbers = {{0, 1}};
    const TermKind kind = has_state(expr) ? TermKind::state : TermKind::other;
    const TermId term = terms_.named(kind, key_of(expr), std::move(domain));
    return {{Formulas::truth(true), of_term(term)}};
}

Conditions::Cases Conditions::values(const Expr& expr) {
    if (const auto known = values_.find(&expr); known != values_.end()) return known->second;
    Cases cases = values_of(expr);
    std::erase_if(cases, [](const Case& c) { return c.when == Formulas::truth(false); });
    if (cases.size() > kMostCases) cases = unknown(expr);
    return values_[&expr] = std::move(cases);
}

Conditions::Cases Conditions::values_of(const Expr& expr) {
    const auto always = [](Value value) {
        return Cases{{Formulas::truth(true), std::move(value)}};
    };
    if (expr.known) return always({.kind = Value::Kind::number, .number = expr.value});
    if (const auto* number = expr.as<lisp::Number>())
        return always({.kind = Value::Kind::number, .number = number->value});
    if (const auto* address = expr.as<lisp::AddressLiteral>())
        return always({.kind = Value::Kind::address, .address = address->value});
    if (const auto* fixed = expr.as<lisp::FixedField>()) {
        const lisp::FieldInfo& field = lisp::all_fields()[fixed->index];
        return always(of_term(terms_.bytes(field.offset, field.size)));
    }
    if (const auto* field = expr.as<lisp::AnyHeaderField>())
        return always(of_term(terms_.field(field->index)));
    if (const auto* node = expr.as<lisp::Load>()) return load(expr, *node);
    if (const auto* reading = expr.as<lisp::Reading>(); reading && reading->op == Opcode::LEN)
        return always(of_term(kLength));
    if (expr.as<lisp::Arithmetic>() || expr.as<lisp::Unary>()) return arithmetic(expr);
    if (expr.as<lisp::Choice>()) return choice_values(expr);
    if (expr.as<lisp::Let>()) return values(tree_.arguments(expr).back());
    if (const auto* variable = expr.as<lisp::Variable>()) return values(*bound_[variable->index]);
    if (expr.as<lisp::Rules>()) return rule_values(expr);
    if (expr.as<lisp::Compare>() || expr.as<lisp::Member>() || expr.as<lisp::HasHeader>() ||
        expr.as<lisp::Conjunction>() || expr.as<lisp::Disjunction>() || expr.as<lisp::Negation>())
        return truth_values(expr);
    return unknown(expr);
}

Conditions::Cases Conditions::truth_values(const Expr& expr) {
    const Literal holds = condition(expr);
    return {{holds, {.kind = Value::Kind::number, .number = 1}},
            {!holds, {.kind = Value::Kind::number, .number = 0}}};
}

Conditions::Cases Conditions::choice_values(const Expr& expr) {
    const auto arguments = tree_.arguments(expr);
    const Literal test = condition(arguments[0]);
    Cases out;
    for (const bool way : {true, false})
        for (const Case& c : values(arguments[way ? 1 : 2])) {
            out.push_back({formulas_.all_of({way ? test : !test, c.when}), c.is});
            if (!expr.is_address()) continue;
            // Beside an address a number is an IPv4 one, its low 32 bits.
            Value& is = out.back().is;
            is.number &= 0xffffffff;
            if (is.kind == Value::Kind::term && terms_[is.term].domain.addresses.empty())
                is.steps.push_back({Opcode::AND, 0xffffffff});
        }
    return out;
}

Conditions::Cases Conditions::rule_values(const Expr& expr) {
    const auto arguments = tree_.arguments(expr);
    if (arguments.size() > kMostCases) return unknown(expr);
    Cases out;
    std::vector<Literal> path;
    for (size_t i = 0; i < arguments.size(); i += 2) {
        const bool last = i + 1 == arguments.size();
        const Literal test = last ? Formulas::truth(true) : condition(arguments[i]);
        for (const Case& c : values(arguments[last ? i : i + 1])) {
            std::vector<Literal> parts = path;
            parts.push_back(test);
            parts.push_back(c.when);
            out.push_back({formulas_.all_of(parts), c.is});
        }
        path.push_back(!test);
    }
    return out;
}

Conditions::Cases Conditions::load(const Expr& expr, const lisp::Load& node) {
    const Expr& offset = tree_.arguments(expr)[0];
    if (!offset.known) return unknown(expr);
    const unsigned size =
        1u << (static_cast<unsigned>(node.op) - static_cast<unsigned>(Opcode::LDX8));
    const TermId term = node.payload ? terms_.payload(*node.payload, offset.value, size)
                                     : terms_.bytes(offset.value, size);
    return {{Formulas::truth(true), of_term(term)}};
}

TermId Conditions::as_term(const Value& value) {
    if (value.kind == Value::Kind::term)
        return value.steps.empty() ? value.term : terms_.derived(value.term, value.steps);
    const std::string name = value.kind == Value::Kind::address
                                 ? ipv6_text(value.address)
                                 : fmt::format("constant {}", value.number);
    Outcomes is = Outcomes::number(value.number);
    if (value.kind == Value::Kind::absent) is = Outcomes::nothing();
    if (value.kind == Value::Kind::address) is = {.addresses = {{value.address, value.address}}};
    return terms_.named(TermKind::other, name, std::move(is));
}

/// `b` is ignored by a unary operation.
Conditions::Value Conditions::operate(Opcode op, const Value& a, const Value& b, const Expr& at) {
    const bool unary_op = op_info(op).group == Group::unary;
    const auto none = [](const Value& v) {
        return v.kind == Value::Kind::absent || v.kind == Value::Kind::address;
    };
    if (none(a) || (!unary_op && none(b))) return {};
    const bool a_number = a.kind == Value::Kind::number;
    const bool b_number = unary_op || b.kind == Value::Kind::number;
    if (a_number && b_number) {
        const Step step{op, b.number};
        const auto got = after_steps(std::span(&step, 1), a.number);
        // An error: nothing goes on.
        return got ? Value{.kind = Value::Kind::number, .number = *got} : Value{};
    }
    if (!a_number && b_number) {
        Value out = a;
        out.steps.push_back({op, unary_op ? 0 : b.number});
        return out;
    }
    if (a_number) {
        Value out = b;
        const bool commutes = op == Opcode::ADD || op == Opcode::MUL || op == Opcode::AND ||
                              op == Opcode::OR || op == Opcode::XOR;
        out.steps.push_back({op, a.number, !commutes});
        return out;
    }
    const std::string key =
        fmt::format("{} {} {}", static_cast<unsigned>(op), as_term(a), as_term(b));
    return of_term(terms_.named(has_state(at) ? TermKind::state : TermKind::other, key,
                                {.absent = true, .numbers = kAllNumbers}));
}

Conditions::Cases Conditions::arithmetic(const Expr& expr) {
    const Opcode op = lisp::Tree::op(expr);
    const auto arguments = tree_.arguments(expr);
    Cases out = values(arguments[0]);
    if (arguments.size() == 1) {
        for (Case& c : out) c.is = operate(op, c.is, {}, expr);
        return out;
    }
    for (const Expr& argument : arguments.subspan(1)) {
        const Cases right = values(argument);
        if (out.size() * right.size() > kMostCases) return unknown(expr);
        Cases next;
        for (const Case& a : out)
            for (const Case& b : right) {
                const Literal when = formulas_.all_of({a.when, b.when});
                if (when != Formulas::truth(false))
                    next.push_back({when, operate(op, a.is, b.is, expr)});
            }
        out = std::move(next);
    }
    return out;
}

Literal Conditions::condition(const Expr& expr) {
    if (const auto known = conditions_.find(&expr); known != conditions_.end())
        return known->second;
    const Literal made = condition_of(expr);
    conditions_.emplace(&expr, made);
    return made;
}

Literal Conditions::condition_of(const Expr& expr) {
    if (expr.known) return Formulas::truth(expr.value != 0);
    const auto arguments = tree_.arguments(expr);
    if (expr.as<lisp::Conjunction>() || expr.as<lisp::Disjunction>()) {
        std::vector<Literal> parts;
        for (const Expr& argument : arguments) parts.push_back(condition(argument));
        return expr.as<lisp::Conjunction>() ? formulas_.all_of(parts)
                                            : formulas_.any_of(std::move(parts));
    }
    if (expr.as<lisp::Negation>()) return !condition(arguments[0]);
    if (expr.as<lisp::Compare>()) return comparison(expr);
    if (const auto* node = expr.as<lisp::Member>()) return member(expr, *node);
    if (const auto* has = expr.as<lisp::HasHeader>())
        return formulas_.test(terms_, has_term(has->header), Outcomes::number(1));
    if (expr.as<lisp::Let>()) return condition(arguments.back());
    if (const auto* variable = expr.as<lisp::Variable>())
        return condition(*bound_[variable->index]);
    std::vector<Literal> ways;
    for (const Case& c : values(expr))
        ways.push_back(formulas_.all_of(
            {c.when, value_in(c.is, {.numbers = numbers_that(Comparison::ne, 0)})}));
    return formulas_.any_of(std::move(ways));
}

Literal Conditions::value_in(const Value& value, const Outcomes& goal) {
    switch (value.kind) {
        case Value::Kind::number:
            return Formulas::truth(goal.holds(value.number));
        case Value::Kind::address:
            return Formulas::truth(relation({.addresses = {{value.address, value.address}}},
                                            goal) == Relation::within);
        case Value::Kind::absent:
            return Formulas::truth(false);
        case Value::Kind::term:
            break;
    }
    if (value.steps.empty()) return formulas_.test(terms_, value.term, goal);
    if (const auto before = terms_.before(value.term, value.steps, goal.numbers))
        return formulas_.test(terms_, value.term, *before);
    return formulas_.test(terms_, terms_.derived(value.term, value.steps),
                          {.numbers = goal.numbers});
}

Literal Conditions::comparison(const Expr& expr) {
    const auto arguments = tree_.arguments(expr);
    const Comparison how = comparison_of(lisp::Tree::op(expr));
    const bool addresses = how == Comparison::eq || how == Comparison::ne;
    std::vector<Literal> ways;
    const Cases left = values(arguments[0]), right = values(arguments[1]);
    if (left.size() * right.size() > kMostCases)
        return formulas_.test(terms_, as_term(unknown(expr)[0].is), Outcomes::number(1));
    for (const Case& a : left)
        for (const Case& b : right)
            ways.push_back(
                formulas_.all_of({a.when, b.when, compare_values(how, a.is, b.is, addresses)}));
    return formulas_.any_of(std::move(ways));
}

Literal Conditions::compare_values(Comparison how, const Value& a, const Value& b, bool addresses) {
    using Kind = Value::Kind;
    if (a.kind == Kind::absent || b.kind == Kind::absent) return Formulas::truth(false);
    if (a.kind != Kind::term && b.kind == Kind::term)
        return compare_values(mirror(how), b, a, addresses);
    if (b.kind == Kind::term) {
        const TermId left = as_term(a), right = as_term(b);
        const bool state =
            terms_[left].kind == TermKind::state || terms_[right].kind == TermKind::state;
        const TermId pair = state ? terms_.named(TermKind::state,
                                                 fmt::format("compare {} {} {}", left,
                                                             static_cast<unsigned>(how), right),
                                                 Outcomes::range(0, 1))
                                  : terms_.pair(how, left, right);
        return formulas_.test(terms_, pair, Outcomes::number(1));
    }
    Outcomes goal;
    if (b.kind == Kind::number) {
        goal.numbers = numbers_that(how, b.number);
        if (how == Comparison::ne && addresses) goal.addresses = {Outcomes::every_address()};
    } else if (!addresses) {
        return Formulas::truth(false);
    } else {
        goal.addresses = {{b.address, b.address}};
        if (how == Comparison::ne) goal = without(anything(), goal);
    }
    return value_in(a, goal);
}

Literal Conditions::member(const Expr& expr, const lisp::Member& node) {
    const lisp::SetInfo& set = tree_.sets[node.set];
    const Expr& argument = tree_.arguments(expr)[0];
    Outcomes goal{.numbers = set.numbers, .addresses = set.addresses};
    if (node.negated) goal = without(anything(), goal);
    std::vector<Literal> ways;
    for (const Case& c : values(argument)) {
        const Literal in =
            set.live ? formulas_.test(terms_, terms_.in_live_set(set.name, as_term(c.is), goal),
                                      Outcomes::number(1))
                     : value_in(c.is, goal);
        ways.push_back(formulas_.all_of({c.when, in}));
    }
    return formulas_.any_of(std::move(ways));
}

}  // namespace vfm::lint
