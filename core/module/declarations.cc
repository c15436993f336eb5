#include "core/module/declarations.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace vfm {
namespace {

constexpr std::array<uint8_t, 4> kSetWidths = {32, 48, 64, 128};
constexpr std::array<uint8_t, 3> kRuleWidths = {32, 64, 128};
constexpr std::string_view kDeclaredNames[] = {"table", "set", "import", "rule table",
                                               "line entry"};

std::string name_fault(std::string_view name) {
    if (name.size() <= kMaxName) return {};
    return fmt::format("a name of {} bytes is longer than {}", name.size(), kMaxName);
}

/// True if hi:lo has a bit above the low `width`.
bool wider_than(unsigned width, uint64_t hi, uint64_t lo) {
    if (width == 128) return false;
    return hi != 0 || (width < 64 && lo >> width != 0);
}

std::string member_fault(const SetMember& member, unsigned width) {
    if (member.length > width)
        return fmt::format("a prefix length of {} in a set of {}-bit keys", member.length, width);
    if (wider_than(width, member.hi, member.lo))
        return fmt::format("a member does not fit into {} bits", width);
    return {};
}

std::string test_fault(const RuleTest& test, unsigned width) {
    switch (test.kind) {
        case RuleTest::Kind::any:
            return {};
        case RuleTest::Kind::prefix:
            if (test.length > width)
                return fmt::format("a prefix length of {} for a key of {} bits", test.length,
                                   width);
            if (wider_than(width, test.hi, test.lo))
                return fmt::format("a prefix does not fit into {} bits", width);
            return {};
        case RuleTest::Kind::range:
            if (wider_than(width, test.hi, test.lo) ||
                wider_than(width, test.last_hi, test.last_lo))
                return fmt::format("a range does not fit into {} bits", width);
            if (std::pair(test.hi, test.lo) > std::pair(test.last_hi, test.last_lo))
                return "a range ends before it begins";
            return {};
    }
    return "an unknown kind of test";
}

/// The first fault that `fault` finds in a list, numbered.
template <class T>
std::optional<DeclarationFault> first_fault(Declared what, const std::vector<T>& list, size_t limit,
                                            std::string (*fault)(const T&)) {
    if (list.size() > limit)
        return DeclarationFault{what, limit,
                                fmt::format("{} {}s, at most {} are possible", list.size(),
                                            declared_name(what), limit)};
    for (size_t i = 0; i < list.size(); ++i)
        if (std::string reason = fault(list[i]); !reason.empty())
            return DeclarationFault{what, i,
                                    fmt::format("{} {}: {}", declared_name(what), i, reason)};
    return std::nullopt;
}

std::optional<DeclarationFault> duplicate_table(const std::vector<TableDecl>& tables) {
    std::set<std::string_view> names;
    for (size_t i = 0; i < tables.size(); ++i)
        if (!names.insert(tables[i].name).second)
            return DeclarationFault{Declared::table, i,
                                    fmt::format("table {}: an earlier table has its name", i)};
    return std::nullopt;
}

std::optional<DeclarationFault> line_fault(const Module& module) {
    for (size_t i = 0; i < module.lines.size(); ++i) {
        const LineEntry& entry = module.lines[i];
        if (i > 0 && entry.offset <= module.lines[i - 1].offset)
            return DeclarationFault{Declared::line, i,
                                    fmt::format("line entry {}: offsets do not ascend", i)};
        if (entry.offset >= module.code.size())
            return DeclarationFault{
                Declared::line, i,
                fmt::format("line entry {}: offset {:#x} is beyond the code", i, entry.offset)};
        if (entry.position.line == 0 || entry.position.column == 0)
            return DeclarationFault{
                Declared::line, i, fmt::format("line entry {}: lines and columns count from 1", i)};
    }
    return std::nullopt;
}

}  // namespace

std::string_view declared_name(Declared what) { return kDeclaredNames[static_cast<size_t>(what)]; }

std::string code_size_fault(size_t size) {
    if (size == 0) return "the program is empty";
    if (size <= kMaxCode) return {};
    return fmt::format("the program has {} bytes, at most {} are possible", size, kMaxCode);
}

std::string table_fault(const TableDecl& table) {
    if (static_cast<unsigned>(table.key) >= kKeyKinds) return "an unknown kind of key";
    if (table.eviction != Eviction::lru && table.eviction != Eviction::none)
        return "an unknown eviction";
    if (table.capacity < 1 || table.capacity > kMaxCapacity)
        return fmt::format("capacity {} is not in 1..{}", table.capacity, kMaxCapacity);
    return name_fault(table.name);
}

std::string set_fault(const SetDecl& set) {
    if (std::ranges::find(kSetWidths, set.width) == kSetWidths.end())
        return fmt::format("a key width of {} is not 32, 48, 64 or 128", set.width);
    for (const SetMember& member : set.members)
        if (std::string reason = member_fault(member, set.width); !reason.empty()) return reason;
    return name_fault(set.name);
}

std::string import_fault(const ImportDecl& import) {
    if (import.arity > kMaxCallArguments)
        return fmt::format("{} arguments, a host function takes at most {}", import.arity,
                           kMaxCallArguments);
    return name_fault(import.name);
}

std::string rules_fault(const RuleTable& rules) {
    if (rules.key_widths.empty() || rules.key_widths.size() > kMaxRuleKeys)
        return fmt::format("{} keys, 1 to {} are possible", rules.key_widths.size(), kMaxRuleKeys);
    for (const uint8_t width : rules.key_widths)
        if (std::ranges::find(kRuleWidths, width) == kRuleWidths.end())
            return fmt::format("a key width of {} is not 32, 64 or 128", width);
    for (size_t row = 0; row < rules.rows.size(); ++row) {
        if (rules.rows[row].size() != rules.key_widths.size())
            return fmt::format("row {} has {} tests for {} keys", row + 1, rules.rows[row].size(),
                               rules.key_widths.size());
        for (size_t key = 0; key < rules.key_widths.size(); ++key)
            if (std::string reason = test_fault(rules.rows[row][key], rules.key_widths[key]);
                !reason.empty())
                return fmt::format("row {}: {}", row + 1, reason);
    }
    return name_fault(rules.name);
}

std::optional<DeclarationFault> find_declaration_fault(const Module& module) {
    if (auto fault = first_fault(Declared::table, module.tables, kMaxTables, table_fault))
        return fault;
    if (auto fault = duplicate_table(module.tables)) return fault;
    if (auto fault = first_fault(Declared::set, module.sets, kMaxNumbered, set_fault)) return fault;
    if (auto fault = first_fault(Declared::import, module.imports, kMaxNumbered, import_fault))
        return fault;
    if (auto fault = first_fault(Declared::rules, module.rule_tables, kMaxNumbered, rules_fault))
        return fault;
    return line_fault(module);
}

}  // namespace vfm
