#include "core/module/declarations.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <string_view>

namespace vfm {
namespace {

constexpr std::array<uint8_t, 4> kSetWidths = {32, 48, 64, 128};
constexpr std::array<uint8_t, 3> kRuleWidths = {32, 64, 128};
constexpr std::string_view kDeclaredNames[] = {
    "table", "set", "import", "rule table", "counter group", "source file", "line entry"};
static_assert(std::size(kDeclaredNames) == kDeclaredLists);

std::string name_fault(std::string_view name) {
    if (name.size() <= kMaxName) return {};
    return fmt::format("a name of {} bytes is longer than {}", name.size(), kMaxName);
}

/// True if hi:lo has a bit above the low `width`.
bool wider_than(unsigned width, uint64_t hi, uint64_t lo) {
    if (width == 128) return false;
    return hi != 0 || (width < 64 && lo >> width != 0);
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

/// `before` is the rule of the row before it.
std::string row_fault(const RuleRow& row, uint32_t before, const RuleTable& rules) {
    if (row.rule < before)
        return row.rule == 0 ? "rules count from 1"
                             : fmt::format("rule {} comes after rule {}", row.rule, before);
    if (row.rule > rules.verdicts.size())
        return fmt::format("it is of rule {}, there are {}", row.rule, rules.verdicts.size());
    if (row.tests.size() != rules.key_widths.size())
        return fmt::format("{} tests for {} keys", row.tests.size(), rules.key_widths.size());
    for (size_t key = 0; key < rules.key_widths.size(); ++key)
        if (std::string reason = test_fault(row.tests[key], rules.key_widths[key]); !reason.empty())
            return reason;
    return {};
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

/// The first declaration of a list that has the name of an earlier one.
template <class T>
std::optional<DeclarationFault> second_name(Declared what, const std::vector<T>& list) {
    std::set<std::string_view> names;
    for (size_t i = 0; i < list.size(); ++i)
        if (!names.insert(list[i].name).second)
            return DeclarationFault{
                what, i,
                fmt::format("{0} {1}: an earlier {0} has its name", declared_name(what), i)};
    return std::nullopt;
}

/// The declaration with which the parts of a list become more than `limit`.
template <class T, class Size>
std::optional<DeclarationFault> too_many(Declared what, const std::vector<T>& list, size_t limit,
                                         std::string_view parts, Size size) {
    size_t sum = 0;
    for (size_t i = 0; i < list.size(); ++i) {
        sum += size(list[i]);
        if (sum > limit)
            return DeclarationFault{what, i,
                                    fmt::format("{} {}: with it a module has more than {} {}",
                                                declared_name(what), i, limit, parts)};
    }
    return std::nullopt;
}

size_t file_name_bytes(const CounterGroup& group) {
    size_t sum = 0;
    for (const CounterPlace& place : group.counters) sum += place.file.size();
    return sum;
}

/// Of the module's own text and those included: file 0 and the others.
std::optional<DeclarationFault> source_fault(const Module& module) {
    const auto fault_of = [](std::string_view name, std::string_view text) -> std::string {
        if (text.size() <= kMaxText) return name_fault(name);
        return fmt::format("a text of {} bytes is longer than {}", text.size(), kMaxText);
    };
    if (module.included.size() >= kMaxNumbered)
        return DeclarationFault{Declared::source, kMaxNumbered,
                                fmt::format("{} source files, at most {} are possible",
                                            module.included.size() + 1, kMaxNumbered)};
    for (size_t i = 0; i <= module.included.size(); ++i) {
        std::string reason =
            i == 0 ? fault_of(module.source_name, module.source_text)
                   : fault_of(module.included[i - 1].name, module.included[i - 1].text);
        if (!reason.empty())
            return DeclarationFault{Declared::source, i,
                                    fmt::format("source file {}: {}", i, reason)};
    }
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
        if (entry.file > module.included.size())
            return DeclarationFault{Declared::line, i,
                                    fmt::format("line entry {}: it names file {}, there are {}", i,
                                                entry.file, module.included.size())};
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
    for (const KeyKind kind : table.key)
        if (static_cast<unsigned>(kind) >= kKeyKinds) return "an unknown kind of key";
    if (const unsigned words = table.words(); words < 1 || words > kMaxKeyWords)
        return fmt::format("a key of {} words, 1 to {} are possible", words, kMaxKeyWords);
    if (table.eviction != Eviction::lru && table.eviction != Eviction::none)
        return "an unknown eviction";
    if (table.capacity < 1 || table.capacity > kMaxCapacity)
        return fmt::format("capacity {} is not in 1..{}", table.capacity, kMaxCapacity);
    return name_fault(table.name);
}

std::string member_fault(const SetMember& member, unsigned width) {
    if (member.length > width)
        return fmt::format("a prefix length of {} in a set of {}-bit keys", member.length, width);
    if (wider_than(width, member.hi, member.lo))
        return fmt::format("a member does not fit into {} bits", width);
    return {};
}

std::string set_fault(const SetDecl& set) {
    if (set.members.size() > kMaxMembers)
        return fmt::format("{} members, a module has at most {}", set.members.size(), kMaxMembers);
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
    if (rules.verdicts.size() > kMaxRules)
        return fmt::format("{} rules, a table has at most {}", rules.verdicts.size(), kMaxRules);
    if (rules.rows.size() > kMaxRows)
        return fmt::format("{} rows, a module has at most {}", rules.rows.size(), kMaxRows);
    for (size_t row = 0; row < rules.rows.size(); ++row) {
        const uint32_t before = row > 0 ? rules.rows[row - 1].rule : 1;
        if (std::string reason = row_fault(rules.rows[row], before, rules); !reason.empty())
            return fmt::format("row {}: {}", row + 1, reason);
    }
    return name_fault(rules.name);
}

std::string counters_fault(const CounterGroup& group) {
    if (group.counters.empty() || group.counters.size() > kMaxCounters)
        return fmt::format("{} counters, 1 to {} are possible", group.counters.size(),
                           kMaxCounters);
    for (size_t i = 0; i < group.counters.size(); ++i) {
        const CounterPlace& place = group.counters[i];
        if (place.line == 0) return fmt::format("counter {}: lines count from 1", i);
        for (const std::string* text : {&place.file, &place.text, &place.name})
            if (std::string reason = name_fault(*text); !reason.empty())
                return fmt::format("counter {}: {}", i, reason);
    }
    return name_fault(group.name);
}

std::optional<DeclarationFault> find_declaration_fault(const Module& module) {
    using enum Declared;
    if (auto fault = first_fault(table, module.tables, kMaxTables, table_fault)) return fault;
    if (auto fault = second_name(table, module.tables)) return fault;
    if (auto fault = first_fault(set, module.sets, kMaxNumbered, set_fault)) return fault;
    if (auto fault = second_name(set, module.sets)) return fault;
    if (auto fault = too_many(set, module.sets, kMaxMembers, "set members",
                              [](const SetDecl& one) { return one.members.size(); }))
        return fault;
    if (auto fault = first_fault(import, module.imports, kMaxNumbered, import_fault)) return fault;
    if (auto fault = first_fault(rules, module.rule_tables, kMaxNumbered, rules_fault))
        return fault;
    if (auto fault = second_name(rules, module.rule_tables)) return fault;
    if (auto fault = too_many(rules, module.rule_tables, kMaxRows, "rows",
                              [](const RuleTable& one) { return one.rows.size(); }))
        return fault;
    if (auto fault = first_fault(counters, module.counter_groups, kMaxNumbered, counters_fault))
        return fault;
    if (auto fault = second_name(counters, module.counter_groups)) return fault;
    if (auto fault = too_many(counters, module.counter_groups, kMaxAllCounters, "counters",
                              [](const CounterGroup& one) { return one.counters.size(); }))
        return fault;
    if (auto fault = too_many(counters, module.counter_groups, kMaxCounterFiles,
                              "bytes of counters' file names", file_name_bytes))
        return fault;
    if (auto fault = source_fault(module)) return fault;
    return line_fault(module);
}

}  // namespace vfm
