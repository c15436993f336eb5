// Comparisons, conditions and branches.
#include "core/lisp/generator.h"

namespace vfm::lisp {
namespace {

Next flip(Next next) { return next == Next::yes ? Next::no : Next::yes; }
Landing& follower(Ways ways, Next next) { return next == Next::yes ? *ways.yes : *ways.no; }

bool compares_numbers(const Tree& tree, const Expr& e) {
    if (!e.as<Compare>()) return false;
    const auto parts = tree.arguments(e);
    const bool takes_addresses = e.form == Form::equal || e.form == Form::not_equal;
    return !takes_addresses || !(parts[0].is_address() || parts[1].is_address());
}

/// How a condition that is no number of its own shows what it gives.
std::optional<How> how_of(const Expr& e, Next next) {
    if (e.as<Compare>() || e.as<Member>() || e.as<HasHeader>())
        return next == Next::yes ? How::falls_true : How::falls_false;
    if (e.as<Negation>()) return How::none_of;
    if (e.as<Conjunction>() || e.as<Disjunction>()) return How::all_or_any;
    if (e.as<Let>() || (e.as<Choice>() && !e.is_address())) return How::passed;
    return {};
}

}  // namespace

void Generator::fall(Ways ways, Next next, const Expr& at) {
    out_.drop_to(follower(ways, next).depth(), at);
}

void Generator::decide(Comparison comparison, Ways ways, Next next, const Expr& at) {
    if (next == Next::yes)
        out_.branch(negate(comparison), *ways.no, at);
    else
        out_.branch(comparison, *ways.yes, at);
    fall(ways, next, at);
}

void Generator::condition(const Expr& e, Ways ways, Next next) {
    const auto how = how_of(e, next);
    const bool opens = how && out_.within() != &e;
    if (opens) out_.open(e, *how, ways.yes);
    go(e, ways, next);
    if (opens) out_.close();
}

void Generator::go(const Expr& e, Ways ways, Next next) {
    const auto parts = arguments(e);
    if (e.as<Compare>()) {
        if (compares_numbers(tree_, e))
            compare_numbers(e, ways, next);
        else
            compare_addresses(e, ways, next);
    } else if (const auto* node = e.as<Member>()) {
        member(e, *node, ways, next);
    } else if (const auto* has = e.as<HasHeader>()) {
        if (next == Next::yes) {
            require(has->header, *ways.no, e);
        } else {
            Landing none = out_.landing();
            require(has->header, none, e);
            out_.jump(*ways.yes, e);
            out_.bind(none, e);
        }
        fall(ways, next, e);
    } else if (e.as<Negation>()) {
        condition(parts[0], {ways.no, ways.yes, ways.yes}, flip(next));
    } else if (e.as<Conjunction>() || e.as<Disjunction>()) {
        const bool any = e.as<Disjunction>();
        for (const Expr& argument : parts.first(parts.size() - 1)) {
            Landing go = out_.landing();
            if (any)
                condition(argument, {ways.yes, &go, &go}, Next::no);
            else
                condition(argument, {&go, ways.no, ways.no}, Next::yes);
            out_.bind(go, e);
        }
        condition(parts.back(), {ways.yes, ways.no, ways.no}, next);
    } else if (e.as<Choice>() && !e.is_address()) {
        Landing yes = out_.landing(), no = out_.landing();
        condition(parts[0], {&yes, &no, &no}, Next::yes);
        out_.bind(yes, e);
        condition(parts[1], ways, next);
        out_.jump(follower(ways, next), e);
        out_.bind(no, e);
        condition(parts[2], ways, next);
    } else if (const auto* let = e.as<Let>()) {
        bind_values(e, *let);
        condition(parts.back(), ways, next);
    } else {
        marked_number(e, *ways.absent);
        out_.push(0, e);
        decide(Comparison::ne, ways, next, e);
    }
}

/// A comparison of what is absent is false.
void Generator::compare_numbers(const Expr& e, Ways ways, Next next) {
    const auto parts = arguments(e);
    number(parts[0], *ways.no);
    number(parts[1], *ways.no);
    decide(comparison_of(Tree::op(e)), ways, next, e);
}

void Generator::truth_by_condition(const Expr& e, End end) {
    Landing yes = out_.landing(), no = out_.landing(), joined = out_.landing(1);
    condition(e, {&yes, &no, &no}, Next::yes);
    out_.bind(yes, e);
    out_.push(1, e);
    leave(joined, end, e);
    out_.bind(no, e);
    out_.push(0, e);
    if (end == End::open) out_.bind(joined, e);
}

void Generator::number_of(const Expr& e, const HasHeader&, Landing&, End end) {
    truth_by_condition(e, end);
}

void Generator::number_of(const Expr& e, const Member&, Landing&, End end) {
    truth_by_condition(e, end);
}

void Generator::number_of(const Expr& e, const Compare&, Landing&, End end) {
    if (!compares_numbers(tree_, e)) return truth_by_condition(e, end);
    Landing none = out_.landing(), joined = out_.landing(1);
    truth(e, none, e);
    if (!none.used()) return;
    leave(joined, end, e);
    out_.bind(none, e);
    out_.push(0, e);
    if (end == End::open) out_.bind(joined, e);
}

/// `e` as 0 or 1, where what is absent is false and goes to `absent`.
void Generator::truth(const Expr& e, Landing& absent, const Expr& at) {
    if (compares_numbers(tree_, e)) {
        const bool opens = &e != &at;
        if (opens) out_.open(e, How::test);
        for (const Expr& side : arguments(e)) number(side, absent);
        out_.compare(comparison_of(Tree::op(e)), e);
        if (opens) out_.close();
        return;
    }
    number(e, absent);
    if (e.type == Type::truth) return;
    out_.push(0, at);
    out_.compare(Comparison::ne, at);
}

/// `not`: the opposite comparison where there is one, else a comparison with 0.
void Generator::number_of(const Expr& e, const Negation&, Landing&, End end) {
    const Expr& argument = arguments(e)[0];
    Landing none = out_.landing(), joined = out_.landing(1);
    if (compares_numbers(tree_, argument)) {
        out_.open(argument, How::opposite);
        for (const Expr& side : arguments(argument)) number(side, none);
        out_.compare(negate(comparison_of(Tree::op(argument))), argument);
        out_.close();
    } else if (argument.as<Compare>() || argument.as<Member>() || argument.as<HasHeader>()) {
        return truth_by_condition(e, end);
    } else {
        number(argument, none);
        out_.push(0, e);
        out_.compare(Comparison::eq, e);
    }
    if (!none.used()) return;
    leave(joined, end, e);
    out_.bind(none, e);
    out_.push(1, e);
    if (end == End::open) out_.bind(joined, e);
}

/// `and` and `or` as a number: the last argument gives it unless one before has decided.
void Generator::short_circuit(const Expr& e, bool any, End end) {
    const auto parts = arguments(e);
    Landing decided = out_.landing(), nothing = out_.landing(), joined = out_.landing(1);
    for (const Expr& argument : parts.first(parts.size() - 1)) {
        Landing go = out_.landing();
        if (any)
            condition(argument, {&decided, &go, &go}, Next::no);
        else
            condition(argument, {&go, &decided, &decided}, Next::yes);
        out_.bind(go, e);
    }
    truth(parts.back(), any ? nothing : decided, e);
    if (!decided.used() && !nothing.used()) return;
    for (Landing* landing : {&decided, &nothing}) {
        if (!landing->used()) continue;
        leave(joined, end, e);
        out_.bind(*landing, e);
        out_.push(landing == &decided && any ? 1 : 0, e);
    }
    if (end == End::open) out_.bind(joined, e);
}

void Generator::number_of(const Expr& e, const Conjunction&, Landing&, End end) {
    short_circuit(e, false, end);
}

void Generator::number_of(const Expr& e, const Disjunction&, Landing&, End end) {
    short_circuit(e, true, end);
}

void Generator::number_of(const Expr& e, const Choice&, Landing& absent, End end) {
    const auto parts = arguments(e);
    Landing yes = out_.landing(), no = out_.landing(), joined = out_.landing(1);
    // Beside an address a number is an IPv4 one.
    const auto side = [&](const Expr& value) {
        const bool cut = e.is_address() && !value.is_address();
        number(value, absent, cut ? End::open : end);
        if (!cut) return;
        out_.push(0xffffffff, e);
        out_.emit(Opcode::AND, 0, e);
    };
    condition(parts[0], {&yes, &no, &no}, Next::yes);
    out_.bind(yes, e);
    side(parts[1]);
    leave(joined, end, e);
    out_.bind(no, e);
    side(parts[2]);
    if (end == End::open) out_.bind(joined, e);
}

}  // namespace vfm::lisp
