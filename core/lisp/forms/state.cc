// Checks of what outlives a packet: flow tables, their keys, counts, token buckets.
#include <fmt/core.h>

#include <algorithm>

#include "core/lisp/checker.h"
#include "core/lisp/hints.h"
#include "core/module/declarations.h"

namespace vfm::lisp {
namespace {

KeyKind kind_of(const Expr& element) {
    if (element.as<Connection>()) return KeyKind::conn;
    return element.is_address() ? KeyKind::ip : element.key;
}

unsigned words_of(std::span<const KeyKind> kinds) {
    unsigned words = 0;
    for (const KeyKind kind : kinds) words += key_kind_words(kind);
    return words;
}

/// True if an element that is asked for as this kind may be absent.
bool element_absent(const Expr& element, KeyKind kind) {
    return element.as<Connection>() || element.absent ||
           (element.is_address() && key_kind_words(kind) == 1);
}

bool key_absent(const Key& key, std::span<const KeyKind> kinds) {
    for (size_t i = 0; i < key.elements.size(); ++i)
        if (element_absent(key.elements[i], kinds[i])) return true;
    return false;
}

/// The elements of a key node, without looking at what they are.
std::span<const Node> element_nodes(const Checker& checker, const Node& node, bool is_list) {
    return is_list ? checker.syntax().elements(node) : std::span(&node, 1);
}

}  // namespace

unsigned Key::words() const { return words_of(kinds); }

bool Checker::is_key_list(const Node& node) const {
    if (node.kind != NodeKind::list || syntax().elements(node).empty()) return false;
    const Node& first = syntax().elements(node)[0];
    return first.kind != NodeKind::symbol ||
           (find_forms(text(first)).empty() && !is_function_name(text(first)));
}

std::optional<Key> Checker::key(const Node& node) {
    Key key;
    bool right = true;
    const bool is_list = is_key_list(node);
    for (const Node& element : element_nodes(*this, node, is_list)) {
        std::optional<Expr> expr;
        if (is_symbol(element, "conn"))
            expr = Expr{.node = Connection{},
                        .absent = true,
                        .key = KeyKind::conn,
                        .place = place(element)};
        else
            expr = expression(element, Want::address);
        right = right && expr;
        if (!expr) continue;
        key.elements.push_back(*expr);
        key.kinds.push_back(kind_of(*expr));
    }
    if (!right || (is_list && !node.closed)) return std::nullopt;
    if (key.words() > kMaxKeyWords) {
        error(node, fmt::format("a key of {} words: it has at most {}", key.words(), kMaxKeyWords));
        return std::nullopt;
    }
    return key;
}

std::optional<uint32_t> Checker::table_of(const Node& list, const Node& key_node, std::string name,
                                          const std::optional<Key>& key) {
    if (name.size() > kMaxName) {
        error(
            list,
            "too complex: the key expression names a flow table and is longer than a name may be");
        return std::nullopt;
    }
    std::vector<TableDecl>& tables = tree_.tables;
    auto found = std::ranges::find(tables, name, &TableDecl::name);
    if (found == tables.end()) {
        if (tables.size() == kMaxTables) {
            if (!dry_)
                error(list, fmt::format("too many flow tables: this is key expression number {} or "
                                        "later, and a filter has at most {}",
                                        kMaxTables + 1, kMaxTables));
            return dry_ ? std::optional(0u) : std::nullopt;
        }
        found = tables.insert(found, {.name = std::move(name)});
        if (key) found->key = key->kinds;
    }
    if (key && !dry_ && !fits(*key, *found)) {
        error(key_node, fmt::format("the table `{}` has a key of {}, this is one of {}",
                                    printable(found->name), key_kinds_text(found->key),
                                    key_kinds_text(key->kinds)));
        return std::nullopt;
    }
    return static_cast<uint32_t>(found - tables.begin());
}

/// Whether two uses of a table that is named by its key can share it.
bool Checker::fits(const Key& key, const TableDecl& table) {
    return std::ranges::equal(key.kinds, table.key, [](KeyKind a, KeyKind b) {
        return key_kind_words(a) == key_kind_words(b) &&
               (a == KeyKind::conn) == (b == KeyKind::conn);
    });
}

namespace {

/// A key for a table that is declared: as many elements, and each of a sort that its kind takes.
bool fits_declared(Checker& checker, const Node& node, const Key& key, const TableDecl& table) {
    if (key.elements.size() != table.key.size()) {
        checker.error(node, fmt::format("the key of `{}` has {} element{}, this one {}",
                                        printable(table.name), table.key.size(),
                                        table.key.size() == 1 ? "" : "s", key.elements.size()));
        return false;
    }
    const auto nodes = element_nodes(checker, node, checker.is_key_list(node));
    bool right = true;
    for (size_t i = 0; i < nodes.size(); ++i) {
        const bool is_conn = key.kinds[i] == KeyKind::conn;
        const KeyKind kind = table.key[i];
        const bool literal = nodes[i].kind == NodeKind::address && key_kind_words(kind) == 1;
        if (is_conn == (kind == KeyKind::conn) && !literal) continue;
        checker.error(nodes[i],
                      literal
                          ? fmt::format("an IPv6 address in a key of kind {}", key_kind_name(kind))
                          : fmt::format("expected an element of kind {}", key_kind_name(kind)));
        right = false;
    }
    return right;
}

/// `(flow-get t k)`, `(flow-set! t k v)`, `(flow-add! t k n)`.
std::optional<Expr> access(Checker& checker, const FormInfo& form, const Node& list) {
    const auto nodes = checker.arguments(list);
    const Definition* definition = nullptr;
    if (nodes[0].kind == NodeKind::symbol)
        definition = checker.definition_of(nodes[0], checker.text(nodes[0]), DefinitionKind::table);
    else if (nodes[0].kind != NodeKind::bad)
        checker.error(nodes[0], "expected the name of a flow table");
    std::optional<Key> key = checker.key(nodes[1]);
    std::optional<Expr> value;
    if (nodes.size() == 3) value = checker.expression(nodes[2], Want::number);
    if (!definition || !key || (nodes.size() == 3 && !value)) return std::nullopt;
    const TableDecl& table = checker.tree().tables[definition->index];
    if (!fits_declared(checker, nodes[1], *key, table)) return std::nullopt;
    std::vector<Expr> arguments = key->elements;
    if (value) arguments.push_back(*value);
    Expr expr = checker.make(
        form, list, Flow{*form.op, definition->index, static_cast<uint32_t>(key->elements.size())},
        arguments);
    expr.absent = key_absent(*key, table.key) || (value && Checker::number_absent(*value));
    return expr;
}

}  // namespace

std::optional<Expr> check_count(Checker& checker, const FormInfo& form, const Node& list) {
    const Node& node = checker.arguments(list)[0];
    const std::optional<Key> key = checker.key(node);
    // The table is settled even if the key has errors of its own, so that a 65th one is found in
    // the same run.
    const auto table = checker.table_of(
        list, node, checker.syntax().canonical(node, SyntaxTree::Literals::plain, kMaxName), key);
    if (!key || !table) return std::nullopt;
    const auto elements = static_cast<uint32_t>(key->elements.size());
    Expr expr = checker.make(form, list, Flow{*form.op, *table, elements}, key->elements);
    expr.absent = key_absent(*key, key->kinds);
    return expr;
}

std::optional<Expr> check_flow_get(Checker& checker, const FormInfo& form, const Node& list) {
    return access(checker, form, list);
}
std::optional<Expr> check_flow_set(Checker& checker, const FormInfo& form, const Node& list) {
    return access(checker, form, list);
}
std::optional<Expr> check_flow_add(Checker& checker, const FormInfo& form, const Node& list) {
    return access(checker, form, list);
}

namespace {

/// The options of a list: `:name value`, or `:name` alone for a flag.
class OptionList {
  public:
    struct Row {
        std::string_view name;
        bool flag = false;
    };
    OptionList(Checker& checker, std::span<const Node> nodes, std::span<const Row> rows)
        : checker_(checker), values_(rows.size()) {
        for (size_t i = 0; i < nodes.size(); ++i) {
            const Node& option = nodes[i];
            const auto row = option.kind == NodeKind::keyword
                                 ? std::ranges::find(rows, checker.text(option), &Row::name)
                                 : rows.end();
            if (row == rows.end()) {
                if (option.kind != NodeKind::bad) error(option, expected(rows));
                right_ = right_ && option.kind != NodeKind::bad;
                // What stands behind an unknown option is its value, and no second fault.
                if (option.kind == NodeKind::keyword && i + 1 < nodes.size() &&
                    nodes[i + 1].kind != NodeKind::keyword)
                    ++i;
                continue;
            }
            const Node*& value = values_[static_cast<size_t>(row - rows.begin())];
            if (value) error(option, fmt::format("a second `{}`", row->name));
            value = &option;
            if (row->flag) continue;
            if (i + 1 == nodes.size() || nodes[i + 1].kind == NodeKind::keyword) {
                error(option, fmt::format("`{}` needs a value", row->name));
                value = nullptr;
                continue;
            }
            value = &nodes[++i];
        }
    }
    /// The value of an option, or the option itself if it is a flag; null if it is not there.
    const Node* operator[](size_t row) const { return values_[row]; }
    bool right() const { return right_; }

  private:
    static std::string expected(std::span<const Row> rows) {
        std::string all;
        for (const Row& row : rows) all += fmt::format(" `{}`", row.name);
        return "expected an option:" + all;
    }
    void error(const Node& node, std::string message) {
        checker_.error(node, std::move(message));
        right_ = false;
    }
    Checker& checker_;
    std::vector<const Node*> values_;
    bool right_ = true;
};

/// `:key`: a kind or a list of kinds.
std::optional<std::vector<KeyKind>> key_kinds(Checker& checker, const Node& node) {
    std::vector<KeyKind> kinds;
    const bool is_list = node.kind == NodeKind::list;
    bool right =
        node.kind != NodeKind::bad && !(is_list && checker.syntax().elements(node).empty());
    if (!right && is_list) checker.error(node, "expected a kind of key or a list of them");
    for (const Node& element : element_nodes(checker, node, is_list)) {
        const auto kind =
            element.kind == NodeKind::symbol ? find_key_kind(checker.text(element)) : std::nullopt;
        if (kind) kinds.push_back(*kind);
        if (!kind && element.kind != NodeKind::bad) {
            std::string all;
            for (unsigned i = 0; i < kKeyKinds; ++i)
                all += fmt::format(" {}", key_kind_name(static_cast<KeyKind>(i)));
            checker.error(element, "expected a kind of key:" + all);
        }
        right = right && kind;
    }
    if (right && words_of(kinds) > kMaxKeyWords) {
        checker.error(node, fmt::format("a key of {} words: it has at most {}", words_of(kinds),
                                        kMaxKeyWords));
        right = false;
    }
    return right ? std::optional(kinds) : std::nullopt;
}

}  // namespace

void Checker::define_table(const Node& list) {
    const auto nodes = arguments(list);
    constexpr OptionList::Row kOptions[] = {{":key"}, {":capacity"}, {":evict"}, {":shared", true}};
    const OptionList options(*this, nodes.subspan(1), kOptions);
    TableDecl table{.name = std::string(text(nodes[0]))};
    if (const Node* node = options[0])
        if (const auto kinds = key_kinds(*this, *node)) table.key = *kinds;
    if (const Node* node = options[1])
        if (const auto capacity = number_between(*node, 1, kMaxCapacity, "a number"))
            table.capacity = static_cast<uint32_t>(*capacity);
    if (const Node* node = options[2]) {
        if (is_symbol(*node, "none"))
            table.eviction = Eviction::none;
        else if (!is_symbol(*node, "lru") && node->kind != NodeKind::bad)
            error(*node, "expected `lru` or `none`");
    }
    table.shared = options[3] != nullptr;
    if (tree_.tables.size() == kMaxTables) {
        error(list, fmt::format("too many flow tables: a filter has at most {}", kMaxTables));
        return;
    }
    add_definition(nodes[0], {.kind = DefinitionKind::table,
                              .index = static_cast<uint32_t>(tree_.tables.size())});
    tree_.tables.push_back(std::move(table));
}

const Definition* Checker::definition_of(const Node& node, std::string_view name,
                                         DefinitionKind kind) {
    const char* what = kind == DefinitionKind::set ? "set" : "flow table";
    const Definition* found = find_definition(name);
    if (found && found->kind == kind) return found;
    if (found) {
        error(node, fmt::format("`{}` is no {}", printable(name), what));
        return nullptr;
    }
    std::vector<std::string_view> known;
    if (may_hint())
        for (size_t i = 0; i < scope_.definitions; ++i)
            if (definitions_[i].kind == kind) known.push_back(definitions_[i].name);
    error(node, fmt::format("unknown {} `{}`", what, printable(name)), hint_for_name(name, known));
    return nullptr;
}

std::optional<Expr> check_rate(Checker& checker, const FormInfo& form, const Node& list) {
    constexpr uint64_t kMost = (1u << 20) - 1, kMicrosecond = 1000;
    constexpr OptionList::Row kOptions[] = {{":per"}, {":burst"}};
    const auto nodes = checker.arguments(list);
    const std::optional<Key> key = checker.key(nodes[0]);
    const auto tokens = checker.number_between(nodes[1], 1, kMost, "a constant number");
    const OptionList options(checker, nodes.subspan(2), kOptions);
    bool right = key && tokens && options.right();
    Rate rate{.tokens = tokens.value_or(1), .per = 1000000, .burst = tokens.value_or(1)};
    if (const Node* node = options[0]) {
        const auto per = checker.number_between(*node, kMicrosecond, UINT64_MAX,
                                                "a constant time, in nanoseconds,");
        right = right && per;
        rate.per = per.value_or(0) / kMicrosecond;
    }
    if (const Node* node = options[1]) {
        const auto burst = checker.number_between(*node, 1, kMost, "a constant number");
        right = right && burst;
        rate.burst = burst.value_or(1);
    }
    const auto table = checker.table_of(
        list, nodes[0], checker.syntax().canonical(list, SyntaxTree::Literals::plain, kMaxName),
        key);
    if (!right || !table) return std::nullopt;
    rate.table = *table;
    Expr expr = checker.make(form, list, rate, key->elements);
    expr.absent = key_absent(*key, key->kinds);
    return expr;
}

}  // namespace vfm::lisp
