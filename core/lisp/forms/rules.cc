// The check of `rules`.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "core/base/text.h"
#include "core/lisp/checker.h"
#include "core/module/declarations.h"

namespace vfm::lisp {
namespace {

constexpr std::pair<std::string_view, uint64_t> kVerdicts[] = {
    {"drop", 0}, {"pass", 1}, {"log", 2}};

std::optional<Expr> verdict(Checker& checker, const Node& node) {
    for (const auto& [name, value] : kVerdicts)
        if (checker.is_symbol(node, name))
            return Expr{
                .node = Number{value}, .known = true, .value = value, .place = checker.place(node)};
    constexpr std::string_view kNames[] = {"drop", "pass", "log"};
    const bool unknown = node.kind == NodeKind::symbol && !checker.is_known(checker.text(node));
    if (const auto near = unknown ? nearest(checker.text(node), kNames) : std::nullopt) {
        checker.error(node, fmt::format("unknown name `{}`", printable(checker.text(node))),
                      fmt::format("did you mean `{}`?", *near));
        return std::nullopt;
    }
    return checker.expression(node, Want::number);
}

/// The clauses of one `rules`.
class RuleList {
  public:
    RuleList(Checker& checker, const Node& list) : checker_(checker), list_(list) {}

    std::optional<Expr> run(const FormInfo& form) {
        bool first = false;
        const uint32_t group = checker_.group_of(list_, first);
        const auto clauses = checker_.arguments(list_);
        for (const Node& clause : clauses) {
            const bool last = &clause == &clauses.back();
            if (checker_.is_list_of(clause, "default"))
                default_clause(clause, last);
            else if (checker_.is_list_of(clause, "when"))
                rule(clause);
            else if (clause.kind != NodeKind::list || clause.closed)
                wrong(clause.kind == NodeKind::symbol || clause.kind == NodeKind::number ? list_
                                                                                         : clause,
                      "expected `(when test verdict)` and at the end `(default verdict)`");
            else
                right_ = false;
        }
        if (right_ && !default_)
            wrong(list_, "`rules` needs `(default verdict)` as its last clause");
        if (!right_) return std::nullopt;
        if (first) checker_.tree().groups[group].counters = std::move(counters_);
        arguments_.push_back(*default_);
        Expr expr = checker_.make(form, list_, Rules{group}, arguments_);
        for (size_t i = 0; i < arguments_.size(); ++i)
            if (i % 2 == 1 || i + 1 == arguments_.size())
                expr.absent = expr.absent || Checker::number_absent(arguments_[i]);
        return expr;
    }

  private:
    void wrong(const Node& at, std::string message) {
        if (at.kind != NodeKind::bad) checker_.error(at, std::move(message));
        right_ = false;
    }

    void default_clause(const Node& clause, bool last) {
        const auto parts = checker_.arguments(clause);
        if (!last) wrong(clause, "`default` stands last: no rule behind it is reached");
        if (parts.size() != 1) {
            if (clause.closed) wrong(clause, "expected `(default verdict)`");
            right_ = false;
            return;
        }
        default_ = verdict(checker_, parts[0]);
        right_ = right_ && default_;
        counters_.front() = counter(clause, {});
    }

    void rule(const Node& clause) {
        std::span<const Node> parts = checker_.arguments(clause);
        std::string name;
        bool named = true;
        if (!parts.empty() && parts[0].kind == NodeKind::keyword) {
            const Node& option = parts[0];
            const Node& value = parts[parts.size() > 1 ? 1 : 0];
            named = checker_.text(option) == ":name" && value.kind == NodeKind::string;
            if (named)
                name = rule_name(value);
            else if (checker_.text(option) != ":name")
                wrong(option, "expected `:name \"text\"`");
            else
                wrong(value, "`:name` needs a text: `:name \"text\"`");
            parts = parts.subspan(std::min<size_t>(2, parts.size()));
        }
        if (parts.size() != 2) {
            if (clause.closed && named) wrong(clause, "expected `(when test verdict)`");
            right_ = false;
            return;
        }
        const auto test = checker_.expression(parts[0], Want::number);
        const auto decided = verdict(checker_, parts[1]);
        right_ = right_ && test && decided;
        if (!test || !decided) return;
        arguments_.push_back(*test);
        arguments_.push_back(*decided);
        counters_.push_back(counter(clause, std::move(name)));
    }

    std::string rule_name(const Node& node) {
        const std::string_view quoted = checker_.text(node);
        std::string name(quoted.substr(1, quoted.size() - 2));
        if (!name.empty() && !names_.insert(name).second)
            wrong(node, fmt::format("a second rule named `{}`", printable(name)));
        if (name.size() > kMaxName) wrong(node, "this name is longer than a name may be");
        return name;
    }

    CounterPlace counter(const Node& clause, std::string name) const {
        const Place place = checker_.place(clause);
        const SourceSet& sources = *checker_.tree().sources;
        return {sources.file(place.file)->name(), sources.position(place).line,
                checker_.syntax()
                    .canonical(clause, SyntaxTree::Literals::as_typed, kMaxName)
                    .substr(0, kMaxName),
                std::move(name)};
    }

    Checker& checker_;
    const Node& list_;
    bool right_ = true;
    std::vector<Expr> arguments_;
    std::optional<Expr> default_;
    std::vector<CounterPlace> counters_{1};  // the default's first
    std::set<std::string> names_;
};

}  // namespace

uint32_t Checker::group_of(const Node& list, bool& made) {
    if (dry_) return 0;
    const GroupKey key{scope_.root, syntax().file(), list.span.begin};
    const auto [at, added] = groups_.emplace(key, static_cast<uint32_t>(groups_.size()));
    made = added;
    if (added) tree_.groups.emplace_back();
    return at->second;
}

std::optional<Expr> check_rules(Checker& checker, const FormInfo& form, const Node& list) {
    return RuleList(checker, list).run(form);
}

}  // namespace vfm::lisp
