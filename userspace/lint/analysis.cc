#include "userspace/lint/analysis.h"

#include <algorithm>

#include "userspace/lint/conditions.h"

namespace vfm::lint {

using lisp::Expr;

/// Goes through one tree in the order in which a run does.
class TreeReader {
  public:
    TreeReader(Analysis& analysis, size_t filter)
        : analysis_(analysis),
          tree_(*analysis.trees_[filter]),
          out_(analysis.filters_[filter]),
          conditions_(tree_, filter, analysis.terms_, analysis.formulas_) {}

    void run() {
        decide(tree_.filter(), {});
        for (const Expr& expr : tree_.exprs) read_state(expr);
    }

  private:
    /// Where an expression stands; paths as in Test.
    struct At {
        uint32_t under = kNoPath;
        uint32_t within = kNoPath;
        uint32_t path = kNoPath;
        const Expr* rules = nullptr;
        uint32_t rule = 0;
    };

    uint32_t then(uint32_t before, Literal holds) {
        if (holds == Formulas::truth(true)) return before;
        analysis_.paths_.push_back({before, holds});
        return static_cast<uint32_t>(analysis_.paths_.size() - 1);
    }
    /// Where a condition holds.
    At where(const At& at, Literal holds) { return go_on(at, holds, true); }
    /// Where one does not.
    At where_not(const At& at, Literal not_so) { return go_on(at, !not_so, false); }
    At go_on(At at, Literal holds, bool also_under) {
        const bool same = at.within == at.path;
        const uint32_t before = at.within;
        at.within = then(at.within, holds);
        at.path = same ? at.within : then(at.path, holds);
        if (also_under) at.under = at.under == before ? at.within : then(at.under, holds);
        return at;
    }

    void leaf(const Expr& expr, const At& at, uint32_t path, Verdict::Kind verdict) {
        out_.leaves.push_back({path, verdict, &expr, at.rules, at.rule});
    }

    /// An expression whose value is the filter's.
    void decide(const Expr& expr, At at) {
        const auto arguments = tree_.arguments(expr);
        if (expr.known) {
            leaf(expr, at, at.path, Verdict::of(Outcome::of(expr.value)).kind);
        } else if (expr.as<lisp::Let>()) {
            for (const Expr& value : arguments.first(arguments.size() - 1)) inspect(value, at);
            decide(arguments.back(), at);
        } else if (expr.as<lisp::Choice>()) {
            inspect_test(arguments[0], at);
            const Literal test = conditions_.condition(arguments[0]);
            decide(arguments[1], where(at, test));
            decide(arguments[2], where_not(at, test));
        } else if (expr.as<lisp::Rules>()) {
            decide_rules(expr, at);
        } else {
            // A number is no test because the filter ends with it.
            if (expr.type == lisp::Type::truth)
                inspect_test(expr, at);
            else
                inspect(expr, at);
            const Literal passes = conditions_.condition(expr);
            leaf(expr, at, then(at.path, passes), Verdict::Kind::pass);
            leaf(expr, at, then(at.path, !passes), Verdict::Kind::drop);
        }
    }

    void decide_rules(const Expr& expr, At at) {
        const auto arguments = tree_.arguments(expr);
        const size_t list = out_.rule_lists.size();
        out_.rule_lists.push_back({&expr, at.path, {}});
        at.rules = &expr;
        for (size_t i = 0; i + 1 < arguments.size(); i += 2) {
            inspect_test(arguments[i], at);
            const Literal test = conditions_.condition(arguments[i]);
            out_.rule_lists[list].tests.push_back(test);
            at.rule = static_cast<uint32_t>(i / 2 + 1);
            decide(arguments[i + 1], where(at, test));
            at.path = then(at.path, !test);
        }
        at.rule = 0;
        decide(arguments.back(), at);
    }

    void add_test(const Expr& expr, const At& at, size_t first_inner) {
        out_.tests.push_back(
            {&expr, conditions_.condition(expr), at.under, at.within, at.path, first_inner});
    }

    /// An expression that is asked for its truth.
    void inspect_test(const Expr& expr, At at) {
        const auto arguments = tree_.arguments(expr);
        const size_t first_inner = out_.tests.size();
        const bool all = expr.as<lisp::Conjunction>() != nullptr;
        if (all || expr.as<lisp::Disjunction>()) {
            At inner = at;
            for (const Expr& argument : arguments) {
                inspect_test(argument, inner);
                const Literal holds = conditions_.condition(argument);
                inner = all ? where(inner, holds) : where_not(inner, holds);
            }
            add_test(expr, at, first_inner);
        } else if (expr.as<lisp::Negation>()) {
            inspect_test(arguments[0], at);
        } else if (expr.as<lisp::Let>()) {
            for (const Expr& value : arguments.first(arguments.size() - 1)) inspect(value, at);
            inspect_test(arguments.back(), at);
        } else if (is_comparison(expr) || expr.as<lisp::Choice>() || expr.as<lisp::Rules>()) {
            inspect(expr, at);
        } else {
            inspect_all(arguments, at);
            add_test(expr, at, first_inner);
        }
    }

    static bool is_comparison(const Expr& expr) {
        return expr.as<lisp::Compare>() || expr.as<lisp::Member>() || expr.as<lisp::HasHeader>();
    }

    /// Any other expression: for the tests within it.
    void inspect(const Expr& expr, const At& at) {
        const auto arguments = tree_.arguments(expr);
        const size_t first_inner = out_.tests.size();
        if (expr.as<lisp::Conjunction>() || expr.as<lisp::Disjunction>() ||
            expr.as<lisp::Negation>()) {
            inspect_test(expr, at);
        } else if (is_comparison(expr)) {
            inspect_all(arguments, at);
            add_test(expr, at, first_inner);
        } else if (expr.as<lisp::Choice>()) {
            inspect_test(arguments[0], at);
            const Literal test = conditions_.condition(arguments[0]);
            inspect(arguments[1], where(at, test));
            inspect(arguments[2], where_not(at, test));
        } else if (expr.as<lisp::Rules>()) {
            inspect_rules(expr, at);
        } else {
            inspect_all(arguments, at);
        }
    }
    void inspect_all(std::span<const Expr> exprs, const At& at) {
        for (const Expr& expr : exprs) inspect(expr, at);
    }
    /// Rules whose value is not the filter's.
    void inspect_rules(const Expr& expr, At at) {
        const auto arguments = tree_.arguments(expr);
        const size_t list = out_.rule_lists.size();
        out_.rule_lists.push_back({&expr, at.path, {}});
        for (size_t i = 0; i + 1 < arguments.size(); i += 2) {
            inspect_test(arguments[i], at);
            const Literal test = conditions_.condition(arguments[i]);
            out_.rule_lists[list].tests.push_back(test);
            inspect(arguments[i + 1], where(at, test));
            at.path = then(at.path, !test);
        }
        inspect(arguments.back(), at);
    }

    void read_state(const Expr& expr) {
        StateFacts& state = analysis_.state_;
        if (const auto* rate = expr.as<lisp::Rate>()) {
            state.any = true;
            state.repeats = std::max(state.repeats, rate->burst + 1);
            state.times.insert({1'000 * rate->per, 1'000 * rate->per / rate->tokens});
        }
        if (const auto* flow = expr.as<lisp::Flow>()) {
            state.any = true;
            for (const Expr& value : tree_.arguments(expr).subspan(flow->elements))
                read_limits(value);
        }
        if (!expr.as<lisp::Compare>() || !conditions_.has_state(expr)) return;
        for (const Expr& argument : tree_.arguments(expr)) read_limits(argument);
    }
    void read_limits(const Expr& expr) {
        StateFacts& state = analysis_.state_;
        if (const auto* number = expr.as<lisp::Number>()) {
            constexpr uint64_t kBytesEach = 1'400, kLeastTime = 1'000;
            if (number->value <= kMostRepeats)
                state.repeats = std::max(state.repeats, number->value + 2);
            else if (number->value / kBytesEach <= kMostRepeats &&
                     state.sums.insert(number->value).second)
                state.repeats = std::max(state.repeats, number->value / kBytesEach + 2);
            if (number->value >= kLeastTime && number->value < UINT32_MAX * uint64_t{1'000'000})
                state.times.insert(number->value);
        }
        const auto* field = expr.as<lisp::AnyHeaderField>();
        const auto* reading = expr.as<lisp::Reading>();
        const auto* fixed = expr.as<lisp::FixedField>();
        if ((field && lisp::all_header_fields()[field->index].name.ends_with("len")) ||
            (fixed && lisp::all_fields()[fixed->index].name.ends_with("len")) ||
            (reading && reading->op == Opcode::LEN))
            state.by_bytes = true;
        for (const Expr& argument : tree_.arguments(expr)) read_limits(argument);
    }

    Analysis& analysis_;
    const lisp::Tree& tree_;
    Analysis::OfFilter& out_;
    Conditions conditions_;
};

Analysis::Analysis(std::vector<const lisp::Tree*> trees)
    : trees_(std::move(trees)), filters_(trees_.size()) {
    // So that what a packet is known to hold can be said of its answer.
    for (const std::string_view name :
         {"eth.src", "eth.dst", "ip.src", "ip.dst", "port.src", "port.dst"})
        terms_.field(field_number(name));
    for (size_t i = 0; i < trees_.size(); ++i) TreeReader(*this, i).run();
    state_.repeats = std::min(state_.repeats, kMostRepeats);
}

std::vector<Literal> Analysis::path(uint32_t path) const {
    std::vector<Literal> out;
    for (; path != kNoPath; path = paths_[path].before) out.push_back(paths_[path].holds);
    std::ranges::reverse(out);
    return out;
}

}  // namespace vfm::lint
