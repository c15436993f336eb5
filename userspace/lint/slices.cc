#include "userspace/lint/slices.h"

#include <map>

namespace vfm::lint {
namespace {

using lisp::Expr;
using lisp::Tree;

/// Makes a tree of parts of another.
class Copier {
  public:
    Copier(const Tree& from, Tree& to) : from_(from), to_(to) {}

    Expr copy(const Expr& expr) {
        std::vector<Expr> arguments;
        for (const Expr& argument : from_.arguments(expr)) arguments.push_back(copy(argument));
        Expr out = expr;
        if (auto* member = std::get_if<lisp::Member>(&out.node)) member->set = set(member->set);
        if (const auto* let = expr.as<lisp::Let>())
            out.node = lisp::Let{bind(*let, arguments.size() - 1)};
        if (expr.as<lisp::Rules>()) to_.groups = from_.groups;
        place(out, arguments);
        return out;
    }

    /// `let` with its first `count` bindings and another body.
    Expr around(const Expr& let, size_t count, const Expr& body) {
        std::vector<Expr> arguments;
        for (size_t i = 0; i < count; ++i) arguments.push_back(copy(from_.arguments(let)[i]));
        arguments.push_back(body);
        Expr out = let;
        out.node = lisp::Let{bind(*let.as<lisp::Let>(), count)};
        out.type = body.type;
        out.absent = body.absent;
        place(out, arguments);
        return out;
    }

  private:
    void place(Expr& expr, const std::vector<Expr>& arguments) {
        expr.first = static_cast<uint32_t>(to_.exprs.size());
        expr.count = static_cast<uint32_t>(arguments.size());
        to_.exprs.insert(to_.exprs.end(), arguments.begin(), arguments.end());
    }
    uint32_t bind(const lisp::Let& let, size_t count) {
        const auto first = static_cast<uint32_t>(to_.bound.size());
        for (size_t i = 0; i < count; ++i) to_.bound.push_back(from_.bound[let.first + i]);
        return first;
    }
    uint32_t set(uint32_t number) {
        const auto [at, added] = sets_.emplace(number, static_cast<uint32_t>(to_.sets.size()));
        if (added) to_.sets.push_back(from_.sets[number]);
        return at->second;
    }

    const Tree& from_;
    Tree& to_;
    std::map<uint32_t, uint32_t> sets_;
};

}  // namespace

Slicer::Slicer(const Tree& tree) : tree_(tree), parents_(tree.exprs.size()) {
    parents_.back() = number(tree.exprs.back());
    for (const Expr& expr : tree.exprs)
        for (const Expr& argument : tree.arguments(expr)) parents_[number(argument)] = number(expr);
}

Tree Slicer::slice(const Expr& expr) const {
    Tree out;
    // Nobody asks where its code came from, and the text of a large filter is long.
    out.sources = std::make_shared<const SourceSet>(
        std::make_shared<const SourceFile>(tree_.sources->file(0)->name(), std::string()));
    auto sources = std::make_shared<SourceSet>(*out.sources);
    while (sources->count() < tree_.sources->count()) sources->add(out.sources->file(0));
    out.sources = std::move(sources);
    out.tables = tree_.tables;
    out.variables = tree_.variables;
    out.imports = tree_.imports;
    out.filter_place = expr.place;
    Copier copier(tree_, out);
    Expr root = copier.copy(expr);
    for (uint32_t at = number(expr); parents_[at] != at; at = parents_[at]) {
        const Expr& parent = tree_.exprs[parents_[at]];
        if (!parent.as<lisp::Let>() || at == parent.first) continue;
        root = copier.around(parent, at - parent.first, root);
    }
    out.exprs.push_back(root);
    return out;
}

}  // namespace vfm::lint
