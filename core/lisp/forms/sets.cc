// Checks of `in` and `defset`.
#include <fmt/core.h>

#include <algorithm>

#include "core/lisp/checker.h"
#include "core/lisp/sets.h"

namespace vfm::lisp {
namespace {

/// Bytes of the file of a set.
constexpr size_t kMaxSetFile = size_t{512} << 20;

std::optional<Literal> range_end(Checker& checker, const Node& node) {
    const auto value = checker.constant(node, "a constant number or address");
    if (!value || value->kind != LiteralKind::prefix) return value;
    checker.error(node, kPrefixInRange);
    return std::nullopt;
}

/// What is added is counted; one too many is an error at it.
bool add(Checker& checker, const Node& node, SetInfo& set, MemberCount& count, const Literal& first,
         const Literal& last) {
    add_to_set(set, first, last);
    const bool fits = count.fits_with(first, last);
    if (!fits) checker.error(node, kTooManyMembers);
    return fits;
}

/// Adds a constant, a prefix or `(range a b)`.
bool add_member(Checker& checker, const Node& node, SetInfo& set, MemberCount& count) {
    constexpr std::string_view kExpected =
        "a constant: a number, an address, a prefix, `(range a b)` or a name defined as one";
    if (!checker.is_list_of(node, "range")) {
        const auto value = checker.constant(node, kExpected);
        return value && add(checker, node, set, count, *value, *value);
    }
    const auto ends = checker.arguments(node);
    if (ends.size() != 2) {
        if (node.closed) checker.error(node, "`range` takes 2 arguments");
        return false;
    }
    const auto first = range_end(checker, ends[0]), last = range_end(checker, ends[1]);
    if (!first || !last) return false;
    const std::string fault = range_fault(*first, *last);
    if (!fault.empty()) checker.error(node, fault);
    return fault.empty() && add(checker, node, set, count, *first, *last);
}

/// What a live set that is asked for such values must be able to hold.
void widen(SetInfo& set, const Expr& value) {
    if (value.is_address()) set.of_addresses = true;
    const unsigned width = value.key == KeyKind::u64 || value.key == KeyKind::hash ? 64
                           : value.key == KeyKind::mac                             ? 48
                                                                                   : 32;
    set.width = std::max(set.width, width);
}

}  // namespace

std::optional<Expr> check_in(Checker& checker, const FormInfo& form, const Node& list) {
    const auto nodes = checker.arguments(list);
    const auto value = checker.expression(nodes[0], Want::address);
    const Node& first = nodes[1];
    std::vector<SetInfo>& sets = checker.tree().sets;
    if (first.kind == NodeKind::symbol && checker.text(first).starts_with('@')) {
        const Definition* definition =
            checker.definition_of(first, checker.text(first).substr(1), DefinitionKind::set);
        if (nodes.size() > 2) checker.error(nodes[2], "a set stands alone: `(in value @name)`");
        if (!definition || !value || nodes.size() > 2) return std::nullopt;
        if (!checker.is_dry()) widen(sets[definition->index], *value);
        return checker.make(form, list, Member{definition->index}, {&*value, 1});
    }
    std::optional<uint32_t> number = checker.set_of(list);
    if (!number) {
        SetInfo set{.name = fmt::format("in {}", sets.size())};
        MemberCount count(set);
        bool right = true;
        for (const Node& node : nodes.subspan(1))
            right = add_member(checker, node, set, count) && right;
        if (!right) return std::nullopt;
        normalise(set);
        number = checker.add_set(list, std::move(set));
    }
    if (!value) return std::nullopt;
    return checker.make(form, list, Member{*number}, {&*value, 1});
}

std::optional<uint32_t> Checker::set_of(const Node& list) const {
    const auto found = sets_.find(&list);
    return found == sets_.end() ? std::nullopt : std::optional(found->second);
}

uint32_t Checker::add_set(const Node& list, SetInfo set) {
    const auto number = static_cast<uint32_t>(tree_.sets.size());
    tree_.sets.push_back(std::move(set));
    if (!dry_) sets_.emplace(&list, number);  // else the set is thrown away
    return number;
}

void Checker::define_set(const Node& list) {
    const auto nodes = arguments(list);
    SetInfo set{.name = std::string(text(nodes[0]))};
    Definition definition{.kind = DefinitionKind::set,
                          .index = static_cast<uint32_t>(tree_.sets.size())};
    MemberCount count(set);
    bool has_file = false, has_values = false;
    for (size_t i = 1; i < nodes.size(); ++i) {
        const Node& node = nodes[i];
        if (node.kind != NodeKind::keyword) {
            has_values = true;
            if (!add_member(*this, node, set, count)) definition.failed = true;
            continue;
        }
        const bool live = text(node) == ":live", file = text(node) == ":file";
        if (!live && !file)
            error(node, fmt::format("unknown option `{}`: expected `:file` or `:live`",
                                    printable(text(node))));
        else if (live ? set.live : has_file)
            error(node, fmt::format("a second `{}`", text(node)));
        if (!live && !file) {
            definition.failed = true;
            // What stands behind an unknown option is its value, and no second fault.
            if (i + 1 < nodes.size() && nodes[i + 1].kind == NodeKind::string) ++i;
        }
        set.live = set.live || live;
        if (!file) continue;
        has_file = true;
        const bool alone = i + 1 == nodes.size() || nodes[i + 1].kind == NodeKind::keyword;
        const Node& path = alone ? node : nodes[++i];
        if (path.kind == NodeKind::bad) return;
        if (path.kind != NodeKind::string)
            error(path, "`:file` needs the name of a file: `:file \"path\"`");
        else if (auto opened = open(path, list, kMaxSetFile))
            read_set(std::make_shared<const SourceFile>(opened->name, std::move(opened->text)), set,
                     errors_);
    }
    if (has_file && has_values) error(list, "a set is in line or in a file, not both");
    normalise(set);
    const bool empty = set.numbers.empty() && set.addresses.empty();
    if (empty && !set.live && !errors_.has_errors())
        warning(list, fmt::format("the set `{}` is empty", printable(set.name)));
    tree_.sets.push_back(std::move(set));
    add_definition(nodes[0], std::move(definition));
}

}  // namespace vfm::lisp
