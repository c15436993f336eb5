#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "core/module/declarations.h"
#include "core/module/expression_columns.h"
#include "core/module/module_message.h"

namespace vfm {
namespace {

using Fault = std::optional<std::string>;

// Rows x keys of all rule tables of an older file: what its reader took.
constexpr uint64_t kMaxOldCells = uint64_t{1} << 22;

Fault more_than(uint64_t count, uint64_t most, std::string_view what) {
    if (count <= most) return {};
    return fmt::format("more than {} {}", most, what);
}

/// Numbers of 8 bits that the schema has as 32: what does not fit becomes 255, which no declaration
/// allows.
uint8_t saturated(uint32_t value) { return static_cast<uint8_t>(std::min(value, 255u)); }

void get_table(const file::Table& in, TableDecl& table) {
    table = {.name = in.name(),
             .key = {static_cast<KeyKind>(in.key())},
             .capacity = in.capacity(),
             .eviction = static_cast<Eviction>(in.eviction()),
             .shared = in.shared()};
    for (const int kind : in.further()) table.key.push_back(static_cast<KeyKind>(kind));
}

Fault get_set(const file::Set& in, SetDecl& set) {
    const auto count = static_cast<size_t>(in.lo_size());
    const bool wide = in.width() == 128;
    if (in.hi_size() != (wide ? in.lo_size() : 0)) return "upper and lower halves differ in number";
    if (!in.lengths().empty() && in.lengths().size() != count)
        return "prefix lengths and members differ in number";
    set = {.name = in.name(), .width = saturated(in.width()), .live = in.live(), .members = {}};
    set.members.reserve(count);
    bool whole = true;
    for (size_t i = 0; i < count; ++i) {
        const uint8_t length =
            in.lengths().empty() ? set.width : static_cast<uint8_t>(in.lengths()[i]);
        const auto at = static_cast<int>(i);
        whole = whole && length == set.width;
        set.members.push_back({.hi = wide ? in.hi(at) : 0, .lo = in.lo(at), .length = length});
    }
    if (whole && !in.lengths().empty()) return "prefix lengths of whole keys are spelt out";
    return {};
}

/// A column that is read from its front to its end.
template <class T>
class Column {
  public:
    explicit Column(const T& values) : values_(values) {}
    /// 0 behind the end.
    uint64_t next() {
        const uint64_t value = at_ < values_.size() ? static_cast<uint64_t>(values_[at_]) : 0;
        ++at_;
        return value;
    }
    bool is_read() const { return at_ == values_.size(); }

  private:
    const T& values_;
    decltype(values_.size()) at_ = 0;
};

/// The rows of a rule table from their columns.
class RowColumns {
  public:
    explicit RowColumns(const file::Rules& in) : in_(in) {}

    Fault read(RuleTable& rules) {
        const size_t keys = rules.key_widths.size();
        const auto rows = static_cast<size_t>(in_.row_rules_size());
        if (in_.cells().size() != rows * keys) return "cells and rows do not fit each other";
        rules.rows.resize(rows);
        for (size_t i = 0; i < rows; ++i) {
            RuleRow& row = rules.rows[i];
            row.rule = in_.row_rules(static_cast<int>(i));
            row.tests.resize(keys);
            for (size_t key = 0; key < keys; ++key)
                if (!read_test(in_.cells()[i * keys + key], rules.key_widths[key] == 128,
                               row.tests[key]))
                    return fmt::format("row {}: an unknown kind of test", i + 1);
        }
        if (lo_.is_read() && hi_.is_read() && last_lo_.is_read() && last_hi_.is_read() &&
            lengths_.is_read())
            return {};
        return "cells and numbers do not fit each other";
    }

  private:
    bool read_test(char cell, bool wide, RuleTest& test) {
        if (cell < 0 || cell > static_cast<char>(RuleTest::Kind::range)) return false;
        test.kind = static_cast<RuleTest::Kind>(cell);
        if (test.kind == RuleTest::Kind::any) return true;
        test.lo = lo_.next();
        if (wide) test.hi = hi_.next();
        if (test.kind == RuleTest::Kind::prefix) {
            test.length = static_cast<uint8_t>(lengths_.next());
            return true;
        }
        test.last_lo = last_lo_.next();
        if (wide) test.last_hi = last_hi_.next();
        return true;
    }

    using Numbers = google::protobuf::RepeatedField<uint64_t>;

    const file::Rules& in_;
    Column<Numbers> lo_{in_.lo()}, hi_{in_.hi()}, last_lo_{in_.last_lo()}, last_hi_{in_.last_hi()};
    Column<std::string> lengths_{in_.lengths()};
};

bool get_old_row(const file::Row& in, std::vector<RuleTest>& tests) {
    size_t next = 0;
    for (const file::Test& test : in.tests()) {
        if (test.key() < next || test.key() >= tests.size()) return false;
        next = test.key() + size_t{1};
        RuleTest& out = tests[test.key()];
        out = {.kind = RuleTest::Kind::prefix, .hi = test.hi(), .lo = test.lo()};
        if (test.kind() == file::PREFIX) {
            out.length = saturated(test.length());
        } else {
            out.kind = RuleTest::Kind::range;
            out.last_hi = test.last_hi();
            out.last_lo = test.last_lo();
        }
    }
    return true;
}

/// Rows as files had them before rules had numbers: row i is rule i.
Fault get_old_rows(const file::Rules& in, RuleTable& rules) {
    if (in.verdicts_size() > 0 || in.row_rules_size() > 0 || !in.cells().empty())
        return "it has rows of two kinds";
    for (const file::Row& row : in.rows()) {
        rules.verdicts.push_back(0);
        const auto rule = static_cast<uint32_t>(rules.verdicts.size());
        rules.rows.push_back({rule, std::vector<RuleTest>(rules.key_widths.size())});
        if (!get_old_row(row, rules.rows.back().tests))
            return fmt::format("row {}: tests name no key or do not ascend", rule);
    }
    return {};
}

Fault get_rules(const file::Rules& in, RuleTable& rules) {
    if (static_cast<size_t>(in.key_widths_size()) > kMaxRuleKeys) return "more than 16 keys";
    rules.name = in.name();
    for (const uint32_t width : in.key_widths()) rules.key_widths.push_back(saturated(width));
    rules.default_verdict = in.default_verdict();
    if (auto why = more_than(static_cast<uint64_t>(in.verdicts_size()), kMaxRules, "rules"))
        return why;
    if (in.rows_size() > 0) return get_old_rows(in, rules);
    rules.verdicts.assign(in.verdicts().begin(), in.verdicts().end());
    return RowColumns(in).read(rules);
}

Fault get_source(const file::Source& in, Module& module) {
    const int count = in.offsets_size();
    if (count != in.lines_size() || count != in.columns_size() ||
        (in.files_size() > 0 && count != in.files_size()))
        return "offsets, lines, columns and files differ in number";
    if (in.files_size() > 0 && std::ranges::count(in.files(), 0u) == count)
        return "the files of lines are spelt out";
    module.source_name = in.name();
    module.source_text = in.text();
    for (const file::Text& text : in.included())
        module.included.push_back({text.name(), text.text()});
    for (int i = 0; i < count; ++i)
        module.lines.push_back({.offset = in.offsets(i),
                                .position = {in.lines(i), in.columns(i)},
                                .file = in.files_size() > 0 ? in.files(i) : 0});
    return {};
}

Fault get_counters(const file::Counters& in, CounterGroup& group) {
    const int count = in.lines_size();
    if (count != in.texts_size() || (in.file_size() > 0 && count != in.file_size()) ||
        (in.names_size() > 0 && count != in.names_size()))
        return "lines, texts, names and files differ in number";
    if ((in.file_size() > 0) != (in.files_size() > 1) || (count > 0 && in.files_size() == 0))
        return "files and their numbers do not fit each other";
    group.name = in.name();
    bool named = in.names_size() == 0;
    uint32_t known = 0;  // files named so far
    for (int i = 0; i < count; ++i) {
        const uint32_t file = in.file_size() > 0 ? in.file(i) : 0;
        if (file > known || static_cast<int>(file) >= in.files_size())
            return "files are not in the order of their use";
        known = std::max(known, file + 1);
        group.counters.push_back({.file = in.files(static_cast<int>(file)),
                                  .line = in.lines(i),
                                  .text = in.texts(i),
                                  .name = in.names_size() > 0 ? in.names(i) : std::string()});
        named = named || !group.counters.back().name.empty();
    }
    if (static_cast<int>(known) != in.files_size()) return "a file without a counter";
    if (!named) return "names are spelt out where there are none";
    return {};
}

/// Bytes of the file names of a group's counters, each as often as it is named.
uint64_t file_name_bytes(const file::Counters& in) {
    if (in.files_size() == 0) return 0;
    if (in.file_size() == 0) return static_cast<uint64_t>(in.lines_size()) * in.files(0).size();
    uint64_t sum = 0;
    for (const uint32_t file : in.file())
        if (file < static_cast<uint32_t>(in.files_size()))
            sum += in.files(static_cast<int>(file)).size();
    return sum;
}

/// What no module may have, told before memory is taken for it: a message holds it in a small part
/// of what the declarations take.
Fault too_large(const file::Module& in) {
    uint64_t old_cells = 0, rows = 0, members = 0, counters = 0, file_names = 0;
    for (const file::Rules& rules : in.rules()) {
        old_cells += static_cast<uint64_t>(rules.rows_size()) *
                     static_cast<uint64_t>(rules.key_widths_size());
        rows += static_cast<uint64_t>(rules.row_rules_size());
    }
    for (const file::Set& set : in.sets()) members += static_cast<uint64_t>(set.lo_size());
    for (const file::Counters& group : in.counters()) {
        counters += static_cast<uint64_t>(group.lines_size());
        file_names += file_name_bytes(group);
    }
    const Fault faults[] = {
        more_than(old_cells, kMaxOldCells, "rows x keys in an older module"),
        more_than(rows, kMaxRows, "rows"),
        more_than(members, kMaxMembers, "set members"),
        more_than(counters, kMaxAllCounters, "counters"),
        more_than(file_names, kMaxCounterFiles, "bytes of counters' file names"),
        more_than(static_cast<uint64_t>(in.source().offsets_size()), kMaxCode, "line entries")};
    const auto* const found =
        std::ranges::find_if(faults, [](const Fault& fault) { return fault.has_value(); });
    return found == std::end(faults) ? Fault() : *found;
}

/// Every declaration of a list; the reason of the first that cannot be read, with its number.
template <class Messages, class Decl>
Fault get_all(Declared what, const Messages& in, std::vector<Decl>& out,
              Fault (*get)(const typename Messages::value_type&, Decl&)) {
    for (const auto& message : in)
        if (const Fault why = get(message, out.emplace_back()))
            return fmt::format("{} {}: {}", declared_name(what), out.size() - 1, *why);
    return {};
}

Fault get_rule_tests(const file::RuleTests& in, const Module& module, RuleTests& tests) {
    tests.rule_table = in.rule_table();
    if (tests.rule_table >= module.rule_tables.size()) return "they are of no rule table";
    tests.code.assign(in.code().begin(), in.code().end());
    if (std::string why = code_size_fault(tests.code.size()); !why.empty()) return why;
    if (auto why = get_all(Declared::set, in.sets(), tests.sets, get_set)) return why;
    return get_expressions(in.expressions(), tests.code.size(), module, tests.map);
}

/// What explains the code, once all that it speaks of is there.
Fault get_explanations(const file::Module& in, Module& module) {
    if (auto why = get_expressions(in.expressions(), module.code.size(), module, module.map))
        return "expressions: " + *why;
    for (const file::RuleTests& tests : in.rule_tests())
        if (auto why = get_rule_tests(tests, module, module.rule_tests.emplace_back()))
            return fmt::format("tests of rules {}: {}", module.rule_tests.size() - 1, *why);
    return {};
}

}  // namespace

std::optional<std::string> from_message(const file::Module& message, Module& module) {
    if (auto why = too_large(message)) return why;
    module.code.assign(message.code().begin(), message.code().end());
    if (message.has_fuel()) module.fuel = message.fuel();
    for (const file::Table& table : message.tables())
        get_table(table, module.tables.emplace_back());
    for (const file::Import& row : message.imports())
        module.imports.push_back({row.name(), saturated(row.arity())});
    if (auto why = get_all(Declared::set, message.sets(), module.sets, get_set)) return why;
    if (auto why = get_all(Declared::rules, message.rules(), module.rule_tables, get_rules))
        return why;
    if (auto why =
            get_all(Declared::counters, message.counters(), module.counter_groups, get_counters))
        return why;
    if (auto why = get_source(message.source(), module)) return why;
    return get_explanations(message, module);
}

}  // namespace vfm
