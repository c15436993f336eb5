#include <algorithm>
#include <map>
#include <string_view>

#include "core/module/expression_columns.h"
#include "core/module/module_message.h"

namespace vfm {
namespace {

constexpr std::string_view kMagic = "VFM\x01";

// The file's numbers are those of the enumerators.
static_assert(static_cast<int>(KeyKind::conn) == file::CONN && file::KeyKind_MAX == kKeyKinds - 1);
static_assert(static_cast<int>(KeyKind::hash) == file::HASH);
static_assert(static_cast<int>(Eviction::lru) == file::LRU);
static_assert(static_cast<int>(Eviction::none) == file::NONE);

void put_table(const TableDecl& from, file::Table& to) {
    to.set_name(from.name);
    for (size_t i = 0; i < from.key.size(); ++i) {
        const auto kind = static_cast<file::KeyKind>(from.key[i]);
        if (i == 0)
            to.set_key(kind);
        else
            to.add_further(kind);
    }
    to.set_capacity(from.capacity);
    to.set_eviction(static_cast<file::Eviction>(from.eviction));
    to.set_shared(from.shared);
}

void put_set(const SetDecl& from, file::Set& to) {
    to.set_name(from.name);
    to.set_width(from.width);
    std::string lengths;
    for (const SetMember& member : from.members) {
        to.add_lo(member.lo);
        if (from.width == 128) to.add_hi(member.hi);
        lengths += static_cast<char>(member.length);
    }
    const auto whole = [&](const SetMember& member) { return member.length == from.width; };
    if (!std::ranges::all_of(from.members, whole)) to.set_lengths(lengths);
    to.set_live(from.live);
}

void put_test(const RuleTest& test, bool wide, file::Rules& to) {
    to.mutable_cells()->push_back(static_cast<char>(test.kind));
    if (test.kind == RuleTest::Kind::any) return;
    to.add_lo(test.lo);
    if (wide) to.add_hi(test.hi);
    if (test.kind == RuleTest::Kind::prefix) {
        to.mutable_lengths()->push_back(static_cast<char>(test.length));
        return;
    }
    to.add_last_lo(test.last_lo);
    if (wide) to.add_last_hi(test.last_hi);
}

void put_rules(const RuleTable& from, file::Rules& to) {
    to.set_name(from.name);
    for (const uint8_t width : from.key_widths) to.add_key_widths(width);
    to.mutable_verdicts()->Add(from.verdicts.begin(), from.verdicts.end());
    to.set_default_verdict(from.default_verdict);
    for (const RuleRow& row : from.rows) {
        to.add_row_rules(row.rule);
        for (size_t key = 0; key < std::min(row.tests.size(), from.key_widths.size()); ++key)
            put_test(row.tests[key], from.key_widths[key] == 128, to);
    }
}

void put_source(const Module& from, file::Source& to) {
    to.set_name(from.source_name);
    to.set_text(from.source_text);
    for (const LineEntry& entry : from.lines) {
        to.add_offsets(entry.offset);
        to.add_lines(entry.position.line);
        to.add_columns(entry.position.column);
        to.add_files(entry.file);
    }
    const auto in_first = [](const LineEntry& entry) { return entry.file == 0; };
    if (std::ranges::all_of(from.lines, in_first)) to.clear_files();
    for (const SourceText& source : from.included) {
        file::Text& text = *to.add_included();
        text.set_name(source.name);
        text.set_text(source.text);
    }
}

void put_counters(const CounterGroup& from, file::Counters& to) {
    to.set_name(from.name);
    std::map<std::string_view, uint32_t> numbers;
    bool named = false;
    for (const CounterPlace& place : from.counters) {
        const auto next = static_cast<uint32_t>(numbers.size());
        const auto [number, is_new] = numbers.try_emplace(place.file, next);
        if (is_new) to.add_files(place.file);
        to.add_file(number->second);
        to.add_lines(place.line);
        to.add_texts(place.text);
        to.add_names(place.name);
        named = named || !place.name.empty();
    }
    if (numbers.size() == 1) to.clear_file();
    if (!named) to.clear_names();
}

}  // namespace

file::Module to_message(const Module& module) {
    file::Module out;
    out.set_magic(std::string(kMagic));
    out.set_code(std::string(module.code.begin(), module.code.end()));
    if (module.fuel) out.set_fuel(*module.fuel);
    for (const TableDecl& table : module.tables) put_table(table, *out.add_tables());
    for (const SetDecl& set : module.sets) put_set(set, *out.add_sets());
    for (const ImportDecl& import : module.imports) {
        file::Import& row = *out.add_imports();
        row.set_name(import.name);
        row.set_arity(import.arity);
    }
    for (const RuleTable& rules : module.rule_tables) put_rules(rules, *out.add_rules());
    if (!module.source_name.empty() || !module.source_text.empty() || !module.lines.empty() ||
        !module.included.empty())
        put_source(module, *out.mutable_source());
    for (const CounterGroup& group : module.counter_groups)
        put_counters(group, *out.add_counters());
    if (!module.map.expressions.empty()) put_expressions(module.map, *out.mutable_expressions());
    for (const RuleTests& tests : module.rule_tests) {
        file::RuleTests& row = *out.add_rule_tests();
        row.set_rule_table(tests.rule_table);
        row.set_code(std::string(tests.code.begin(), tests.code.end()));
        for (const SetDecl& set : tests.sets) put_set(set, *row.add_sets());
        if (!tests.map.expressions.empty()) put_expressions(tests.map, *row.mutable_expressions());
    }
    return out;
}

}  // namespace vfm
