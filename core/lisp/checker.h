// What the checks of all forms share: names, scopes, definitions, messages, the tree that grows.
// A form's own check is a function check_KIND in the file of its family (core/lisp/forms).
//
// Definitions are checked where they stand, once, with arguments of which nothing is known (dry):
// that finds what is wrong with them whether they are used or not, and what is made then is thrown
// away. A use puts a copy of the body in its place. What is wrong only there, with these arguments,
// is said at the use in the filter.
//
// Functions that take a Node recurse as deep as the text nests and definitions lead (kMaxDepth).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/lisp/ast.h"
#include "core/lisp/error_list.h"
#include "core/lisp/files.h"
#include "core/lisp/reader.h"

namespace vfm::lisp {

/// Forms and names within each other, through definitions too.
inline constexpr uint32_t kMaxDepth = kMaxNesting + 200;
/// Expressions that uses of definitions make: far above what fits the largest program.
inline constexpr uint32_t kMaxExpansion = uint32_t{1} << 18;
/// Unknown words for which the nearest known one is looked for: each looks at all names there are.
inline constexpr unsigned kMaxHints = 100;

/// What may stand in a place, beside a number.
enum class Want : uint8_t {
    number,   ///< an address is its number, an IPv6 literal an error
    address,  ///< addresses too
};

enum class DefinitionKind : uint8_t { value, function, set, table };

struct Definition {
    DefinitionKind kind = DefinitionKind::value;
    std::string_view name = {};
    const SyntaxTree* syntax = nullptr;
    const Node* body = nullptr;  ///< of a value or function
    std::vector<std::string_view> parameters = {};
    std::optional<Literal> constant = {};  ///< of a value that is one
    uint32_t index = 0;                    ///< of a set or table in the tree
    uint32_t root = 0;    ///< its number among the expressions of the outermost level
    bool failed = false;  ///< errors were reported for it
};

/// The elements of a flow key.
struct Key {
    std::vector<Expr> elements;
    std::vector<KeyKind> kinds;  ///< one an element
    unsigned words() const;
};

class Checker {
  public:
    Checker(ErrorList& errors, Files* files) : errors_(errors), files_(files) {
        tree_.sources = errors.shared_sources();
    }

    /// Nothing if there are errors.
    std::optional<Tree> run();

    // What the families use.

    const SyntaxTree& syntax() const { return *scope_.syntax; }
    std::string_view text(const Node& node) const { return syntax().text(node); }
    /// The elements of a list behind the first.
    std::span<const Node> arguments(const Node& list) const {
        return syntax().elements(list).subspan(1);
    }
    bool is_symbol(const Node& node, std::string_view name) const {
        return node.kind == NodeKind::symbol && text(node) == name;
    }
    /// A list whose first element is this symbol.
    bool is_list_of(const Node& node, std::string_view name) const;
    Place place(const Node& node) const { return {syntax().file(), node.span}; }
    std::string_view file_name() const { return syntax().source()->name(); }

    /// Where a whole list is meant its parenthesis is marked, with the operator beside it.
    void error(const Node& node, std::string message, std::string hint = {});
    void warning(const Node& node, std::string message);

    std::optional<Expr> expression(const Node& node, Want want);
    /// All arguments of a list; nothing if one is wrong.
    std::optional<std::vector<Expr>> operands(const Node& list, Want want);
    /// For the errors in them.
    void check_all(std::span<const Node> nodes);
    /// An expression that a form makes of checked arguments.
    Expr make(const FormInfo& form, const Node& list, ExprNode node,
              std::span<const Expr> arguments);
    /// True if a number that `expr` is asked for may be absent.
    static bool number_absent(const Expr& expr) { return expr.absent || expr.is_address(); }

    /// A literal, a built-in name or a name that is defined as one. Anything else is an error at it
    /// that says what was expected.
    std::optional<Literal> constant(const Node& node, std::string_view expected);
    /// The constant that a name or literal is, without a message.
    std::optional<Literal> find_constant(const Node& node) const;
    /// A constant number between two, for options.
    std::optional<uint64_t> number_between(const Node& node, uint64_t least, uint64_t most,
                                           std::string_view what);

    /// The values of names, then the expression in which they hold.
    struct Binding {
        std::string_view name;
        Expr value;
    };
    /// Adds a variable, which hides those of its name.
    uint32_t bind(std::string_view name, const Expr& value);
    size_t local_count() const { return locals_.size(); }
    void unbind_to(size_t count);
    /// True if the word means something here, whatever it is.
    bool is_known(std::string_view word) const;
    /// A name that a definition, binding or argument may take; else an error at the node.
    bool is_free_name(const Node& node, std::string_view what);

    const Definition* find_definition(std::string_view name) const;
    /// `@name` and the tables of flow functions; an error at the node if there is none.
    const Definition* definition_of(const Node& node, std::string_view name, DefinitionKind kind);
    void add_definition(const Node& name, Definition definition);

    /// True if a key node is a list of elements and no expression.
    bool is_key_list(const Node& node) const;
    std::optional<Key> key(const Node& node);
    /// The table of this name; its kinds are those of the first use. Nothing, and an error, at
    /// `list` where there is no room, at `key_node` where the key does not fit.
    std::optional<uint32_t> table_of(const Node& list, const Node& key_node, std::string name,
                                     const std::optional<Key>& key);
    /// The number of the counters of a `rules`; `made` becomes true if nobody asked for this list
    /// before.
    uint32_t group_of(const Node& list, bool& made);

    /// The set that this list of the text holds, if it was made: what a definition asks for is one
    /// set, however often the definition is used.
    std::optional<uint32_t> set_of(const Node& list) const;
    uint32_t add_set(const Node& list, SetInfo set);

    Tree& tree() { return tree_; }
    ErrorList& errors() { return errors_; }
    /// True while a definition is checked where it stands.
    bool is_dry() const { return dry_; }

    /// What a string names, on behalf of a form; an error at the string if it cannot be read, at
    /// the form if this program cannot name files.
    std::optional<OpenedFile> open(const Node& path, const Node& list, size_t limit);

    // Definitions.

    void define(const Node& list);
    void define_set(const Node& list);
    void define_table(const Node& list);
    void include(const Node& list);

  private:
    /// Where names are looked up.
    struct Scope {
        const SyntaxTree* syntax = nullptr;
        size_t definitions = 0;  // those that stand before
        size_t locals = 0;       // the first of locals_ that is seen
        uint32_t root = 0;
    };
    struct Local {
        std::string_view name;
        uint32_t variable;
        std::optional<size_t> hidden;  // the one of this name that it hides
    };
    class Expansion;

    std::optional<Expr> list(const Node& node);
    std::optional<Expr> form(const Node& node, std::span<const FormInfo> rows);
    std::optional<Expr> no_operator(const Node& node);
    std::optional<Expr> wrong_count(const Node& node, std::span<const FormInfo> rows);
    std::optional<Expr> token(const Node& node, Want want);
    bool may_go_on();
    std::optional<Expr> name(const Node& node);
    std::optional<Expr> use(const Node& node, const Definition& definition);
    std::optional<Expr> use_function(const Node& node, const Definition& definition);
    std::optional<Expr> unknown_name(const Node& node);
    std::optional<Expr> unknown_operator(const Node& node);
    std::optional<Expr> expected_expression(const Node& node);
    std::optional<Expr> number(const Node& node, uint64_t value, KeyKind key = KeyKind::u64) const;
    std::optional<uint32_t> find_local(std::string_view name) const;
    bool is_function_name(std::string_view name) const;
    void check_definition(Definition& definition);
    bool is_definition(const Node& root) const;
    void definition(const Node& root);
    void read_roots(const SyntaxTree& syntax, bool is_main);
    void order_groups();
    void find_known_value(const FormInfo& form, const Node& list, Expr& expr,
                          std::span<const Expr> arguments);
    Place head(const Node& node) const;
    bool too_complex(std::string message);
    std::string name_hint(std::string_view word);
    std::string operator_hint(std::string_view word);
    bool may_hint();
    static bool fits(const Key& key, const TableDecl& table);

    ErrorList& errors_;
    Files* files_;
    Tree tree_;
    std::deque<SyntaxTree> files_read_;
    std::map<std::string, bool> opened_;  // by identity: true once all of it is read
    uint32_t include_depth_ = 0;
    std::deque<Definition> definitions_;
    std::unordered_map<std::string_view, size_t> by_name_;
    std::vector<Local> locals_;
    std::unordered_map<std::string_view, size_t> innermost_;  // of locals_, by name
    Scope scope_;
    uint32_t roots_ = 0;
    std::optional<Expr> filter_;
    std::optional<Place> filter_place_;
    std::optional<Place> use_;  // in the filter: of the outermost definition that is being put in
    bool dry_ = false;
    bool gave_up_ = false;
    uint32_t depth_ = 0;
    uint32_t expanded_ = 0;
    unsigned hints_ = 0;
    std::unordered_map<const Node*, uint32_t> sets_;  // of the lists that were put in
    struct GroupKey {
        uint32_t root, file, begin;
        auto operator<=>(const GroupKey&) const = default;
    };
    std::map<GroupKey, uint32_t> groups_;  // in the order of the text
};

// A check for every FormKind.
#define VFM_CHECK_FORM(kind) \
    std::optional<Expr> check_##kind(Checker& checker, const FormInfo& form, const Node& list)
VFM_CHECK_FORM(arithmetic);
VFM_CHECK_FORM(unary);
VFM_CHECK_FORM(comparison);
VFM_CHECK_FORM(conjunction);
VFM_CHECK_FORM(disjunction);
VFM_CHECK_FORM(negation);
VFM_CHECK_FORM(choice);
VFM_CHECK_FORM(cond);
VFM_CHECK_FORM(let);
VFM_CHECK_FORM(has);
VFM_CHECK_FORM(in);
VFM_CHECK_FORM(load);
VFM_CHECK_FORM(reading);
VFM_CHECK_FORM(sample);
VFM_CHECK_FORM(call);
VFM_CHECK_FORM(rules);
VFM_CHECK_FORM(count);
VFM_CHECK_FORM(flow_get);
VFM_CHECK_FORM(flow_set);
VFM_CHECK_FORM(flow_add);
VFM_CHECK_FORM(rate);
VFM_CHECK_FORM(definition);
VFM_CHECK_FORM(clause);
#undef VFM_CHECK_FORM

}  // namespace vfm::lisp
