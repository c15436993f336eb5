// What stands before the filter: `define` and `include`, names and files. `defset` and `deftable`
// are in the files of their families.
#include <fmt/core.h>

#include <unordered_set>

#include "core/lisp/checker.h"
#include "core/lisp/hints.h"

namespace vfm::lisp {
namespace {

constexpr size_t kMaxIncludedFile = size_t{16} << 20;
constexpr uint32_t kMaxIncludeDepth = 64;
constexpr uint32_t kMaxIncludedFiles = 1024;

}  // namespace

std::optional<Expr> check_definition(Checker& checker, const FormInfo& form, const Node& list) {
    checker.error(list,
                  fmt::format("`{}` stands on the outermost level, before the filter", form.name));
    return std::nullopt;
}

bool Checker::is_definition(const Node& root) const {
    if (root.kind != NodeKind::list) return false;
    const auto elements = syntax().elements(root);
    if (elements.empty() || elements[0].kind != NodeKind::symbol) return false;
    const auto rows = find_forms(text(elements[0]));
    return !rows.empty() && rows[0].kind == FormKind::definition;
}

void Checker::definition(const Node& root) {
    const auto rows = find_forms(text(syntax().elements(root)[0]));
    const size_t count = arguments(root).size();
    if (!root.closed) return;
    if (count < rows[0].min || count > rows[0].max) {
        const bool exact = rows[0].min == rows[0].max;
        error(root, fmt::format("`{}` takes {}{} argument{}, got {}", rows[0].name,
                                exact ? "" : "at least ", rows[0].min, rows[0].min == 1 ? "" : "s",
                                count));
        return;
    }
    switch (rows[0].id) {
        case Form::define:
            return define(root);
        case Form::defset:
            return define_set(root);
        case Form::deftable:
            return define_table(root);
        default:
            return include(root);
    }
}

void Checker::read_roots(const SyntaxTree& syntax, bool is_main) {
    const Scope outer = scope_;
    scope_.syntax = &syntax;
    const Node* filter = nullptr;
    for (const Node& root : syntax.roots()) {
        scope_.definitions = definitions_.size();
        scope_.root = roots_++;
        if (is_definition(root)) {
            if (filter) error(root, "a definition behind the filter: definitions stand before use");
            definition(root);
        } else if (!is_main) {
            if (root.kind != NodeKind::bad && root.closed)
                error(root, "an expression in an included file, which holds definitions only");
        } else {
            if (filter) {
                const bool second = filter == &syntax.roots()[0] && &root == filter + 1;
                error(root, "a second filter expression: a file holds one",
                      second ? hint_for_second(text(*filter), text(root)) : std::string());
            } else {
                filter = &root;
                filter_place_ = Place{syntax.file(), {root.span.begin, root.span.begin + 1}};
            }
            const size_t sure = tree_.exprs.size();
            const std::optional<Expr> expr = expression(root, Want::number);
            if (filter == &root && expr)
                filter_ = expr;
            else if (filter != &root)
                tree_.exprs.resize(sure);
        }
    }
    if (is_main && !filter)
        errors_.error_after_last_line(syntax.file(), "no filter: expected an expression");
    scope_ = outer;
}

void Checker::add_definition(const Node& name, Definition definition) {
    if (!is_free_name(name, "a definition")) return;
    definition.name = text(name);
    definition.syntax = &syntax();
    definition.root = scope_.root;
    const auto [at, added] = by_name_.emplace(definition.name, definitions_.size());
    if (!added) {
        error(name, fmt::format("a second definition of `{}`", printable(definition.name)));
        return;
    }
    if (find_number(definition.name))
        warning(name, fmt::format("`{}` is from here on no longer the number {}", definition.name,
                                  *find_number(definition.name)));
    definitions_.push_back(std::move(definition));
}

void Checker::define(const Node& list) {
    const auto nodes = arguments(list);
    Definition definition{.body = &nodes[1]};
    const Node* name = &nodes[0];
    std::vector<const Node*> parameters;
    if (name->kind == NodeKind::list) {
        const auto elements = syntax().elements(*name);
        if (elements.empty()) {
            error(*name, "expected `(name argument ...)`");
            return;
        }
        definition.kind = DefinitionKind::function;
        for (const Node& parameter : elements.subspan(1)) parameters.push_back(&parameter);
        name = &elements[0];
    }
    std::unordered_set<std::string_view> known;
    for (const Node* parameter : parameters) {
        if (!is_free_name(*parameter, "an argument")) definition.failed = true;
        const std::string_view word = text(*parameter);
        if (!known.insert(word).second) {
            error(*parameter, fmt::format("a second argument `{}`", printable(word)));
            definition.failed = true;
        }
        definition.parameters.push_back(word);
    }
    if (definition.kind == DefinitionKind::value) definition.constant = find_constant(nodes[1]);
    if (!definition.constant) check_definition(definition);
    add_definition(*name, std::move(definition));
}

/// Checks a body where it stands, with arguments that may be anything; keeps nothing of it.
void Checker::check_definition(Definition& definition) {
    const size_t exprs = tree_.exprs.size(), tables = tree_.tables.size(), sets = tree_.sets.size(),
                 imports = tree_.imports.size(), locals = locals_.size();
    dry_ = true;
    for (const std::string_view parameter : definition.parameters)
        bind(parameter, Expr{.type = Type::address, .absent = true});
    if (!expression(*definition.body, Want::address)) definition.failed = true;
    dry_ = false;
    unbind_to(locals);
    tree_.variables.clear();
    tree_.bound.clear();
    tree_.exprs.resize(exprs);
    tree_.tables.resize(tables);
    tree_.sets.resize(sets);
    tree_.imports.resize(imports);
}

std::optional<OpenedFile> Checker::open(const Node& path, const Node& list, size_t limit) {
    if (!files_) {
        error(list, "this text comes from no file, so it cannot name one");
        return std::nullopt;
    }
    const std::string name(text(path).substr(1, text(path).size() - 2));
    Result<OpenedFile> opened = files_->open(name, std::string(file_name()), limit);
    if (opened) return *std::move(opened);
    const Diagnostic& why = opened.error().diagnostics.front();
    error(path, fmt::format("{}: {}", printable(why.where, 200), why.message));
    return std::nullopt;
}

void Checker::include(const Node& list) {
    const Node& path = arguments(list)[0];
    if (path.kind != NodeKind::string) {
        if (path.kind != NodeKind::bad)
            error(path, "`include` needs the name of a file: `(include \"file\")`");
        return;
    }
    const auto opened = open(path, list, kMaxIncludedFile);
    if (!opened) return;
    const auto [at, first] = opened_.emplace(opened->identity, false);
    if (!first) {
        if (!at->second) error(list, "this file is being included: files include each other");
        return;
    }
    if (include_depth_ == kMaxIncludeDepth || opened_.size() > kMaxIncludedFiles) {
        error(list, fmt::format("too complex: more than {} files within each other or {} in all",
                                kMaxIncludeDepth, kMaxIncludedFiles));
        return;
    }
    const uint32_t number =
        errors_.sources().add(std::make_shared<const SourceFile>(opened->name, opened->text));
    ++include_depth_;
    read_roots(files_read_.emplace_back(read(number, errors_)), false);
    --include_depth_;
    at->second = true;
}

void Checker::order_groups() {
    std::vector<uint32_t> place(groups_.size());
    std::vector<CounterGroup> ordered;
    for (const auto& [key, number] : groups_) {
        place[number] = static_cast<uint32_t>(ordered.size());
        CounterGroup& group = tree_.groups[number];
        group.name = ordered.empty() ? "rules" : fmt::format("rules-{}", ordered.size() + 1);
        ordered.push_back(std::move(group));
    }
    tree_.groups = std::move(ordered);
    for (Expr& expr : tree_.exprs)
        if (auto* rules = std::get_if<Rules>(&expr.node)) rules->group = place[rules->group];
}

std::optional<Tree> Checker::run() {
    const std::string name = errors_.sources().file(0)->name();
    if (files_) opened_.emplace(files_->identity(name), false);
    read_roots(files_read_.emplace_back(read(0, errors_)), true);
    if (errors_.has_errors() || !filter_) return std::nullopt;
    tree_.exprs.push_back(*filter_);
    tree_.filter_place = *filter_place_;
    order_groups();
    return std::move(tree_);
}

}  // namespace vfm::lisp
