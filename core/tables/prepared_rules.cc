#include "core/tables/prepared_rules.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "core/tables/bit_rows.h"
#include "core/tables/rule_rows.h"

namespace vfm {
namespace {

constexpr size_t kMostScanned = 20;  // rows; measured by bench_tables
// What bit rows may take. A part of a table that would take more is cut in two, so that memory
// stays in proportion to the rows whatever they are.
constexpr size_t kBytesOfRow = 4096;
constexpr size_t kBytesOfTable = size_t{512} << 20;
constexpr size_t kNeverCut = 1024;  // rows: at most 4 MB then

class ScannedRules final : public PreparedRules {
  public:
    ScannedRules(const RuleTable& table, const RuleRows& rows)
        : PreparedRules(table, {.kind = RulesMethod::scan,
                                .method = fmt::format("scan: {} rows", rows.size()),
                                .memory = memory_of(rows),
                                .steps = 4 + 1.5 * static_cast<double>(rows.size())}),
          keys_(rows.keys().begin(), rows.keys().end()) {
        for (size_t i = 0; i < rows.size(); ++i) {
            Row row{.rule = rows.rule(i), .first_test = static_cast<uint32_t>(tests_.size())};
            for (const KeyTest& test : rows.tests(i)) {
                row.keys |= uint64_t{1} << test.key;
                const RuleKey key = keys_[test.key];
                tests_.push_back({.key = key, .range = test.range});
            }
            rows_.push_back(row);
        }
        rows_.push_back({.first_test = static_cast<uint32_t>(tests_.size())});
    }

    uint64_t match(const uint64_t* operands) const noexcept override {
        const uint64_t usable = usable_keys(keys_, operands);
        for (size_t i = 0; i + 1 < rows_.size(); ++i)
            if ((rows_[i].keys & ~usable) == 0 && holds(i, operands)) return rows_[i].rule;
        return 0;
    }

  private:
    struct Test {
        RuleKey key;
        KeyRange<WideKey> range;
    };
    struct Row {
        uint64_t keys = 0;  // that it tests
        uint32_t rule = 0;
        uint32_t first_test = 0;
    };

    static size_t memory_of(const RuleRows& rows) {
        size_t bytes = (rows.size() + 1) * sizeof(Row);
        for (size_t i = 0; i < rows.size(); ++i) bytes += rows.tests(i).size() * sizeof(Test);
        return bytes;
    }
    bool holds(size_t row, const uint64_t* operands) const noexcept {
        for (uint32_t i = rows_[row].first_test; i < rows_[row + 1].first_test; ++i) {
            const Test& test = tests_[i];
            const WideKey key = key_of(test.key, operands);
            if (key < test.range.first || key > test.range.last) return false;
        }
        return true;
    }

    std::vector<RuleKey> keys_;
    std::vector<Row> rows_;  // and one behind them
    std::vector<Test> tests_;
};

size_t most_bytes(size_t part, size_t all) {
    if (part <= kNeverCut) return SIZE_MAX;
    return part * std::min(kBytesOfRow, kBytesOfTable / all);
}

/// Rows from `first` up to `end` as parts.
void make_parts(const RuleRows& rows, size_t first, size_t end, std::vector<BitRows>& parts) {
    if (auto part = BitRows::make(rows, first, end, most_bytes(end - first, rows.size()))) {
        parts.push_back(*std::move(part));
        return;
    }
    const size_t middle = first + (end - first) / 2;
    make_parts(rows, first, middle, parts);
    make_parts(rows, middle, end, parts);
}

class BitRules final : public PreparedRules {
  public:
    static std::shared_ptr<const PreparedRules> make(const RuleTable& table, const RuleRows& rows) {
        const bool always = rows.tests(rows.size() - 1).empty();
        std::vector<BitRows> parts;
        make_parts(rows, 0, rows.size() - (always ? 1 : 0), parts);
        Facts facts;
        facts.kind = RulesMethod::bits;
        size_t columns = 0, classes = 0;
        for (const BitRows& part : parts) {
            facts.memory += part.memory();
            facts.steps += part.steps();
            columns = std::max(columns, part.columns());
            classes += part.classes();
        }
        facts.method =
            fmt::format("bits: {} rows, {} columns, {} classes", rows.size(), columns, classes);
        if (parts.size() > 1) facts.method += fmt::format(", {} parts", parts.size());
        return std::shared_ptr<const PreparedRules>(
            new BitRules(table, std::move(facts), rows, std::move(parts),
                         always ? rows.rule(rows.size() - 1) : 0));
    }

    uint64_t match(const uint64_t* operands) const noexcept override {
        const uint64_t usable = usable_keys(keys_, operands);
        for (const BitRows& part : parts_)
            if (const uint64_t rule = part.match(operands, usable)) return rule;
        return last_;
    }

  private:
    BitRules(const RuleTable& table, Facts facts, const RuleRows& rows, std::vector<BitRows> parts,
             uint64_t last)
        : PreparedRules(table, std::move(facts)),
          keys_(rows.keys().begin(), rows.keys().end()),
          parts_(std::move(parts)),
          last_(last) {}

    std::vector<RuleKey> keys_;
    std::vector<BitRows> parts_;  // in the order of their rows
    uint64_t last_;               // rule of the row without tests behind them all, or 0
};

/// A row tests something.
bool tests_something(const RuleRows& rows) { return rows.size() > 0 && !rows.tests(0).empty(); }

}  // namespace

std::shared_ptr<const PreparedRules> PreparedRules::make(const RuleTable& table) {
    return make(table, table.rows.size() <= kMostScanned ? RulesMethod::scan : RulesMethod::bits);
}

std::shared_ptr<const PreparedRules> PreparedRules::make(const RuleTable& table,
                                                         RulesMethod method) {
    const RuleRows rows(table);
    if (method == RulesMethod::bits && tests_something(rows)) return BitRules::make(table, rows);
    return std::make_shared<ScannedRules>(table, rows);
}

}  // namespace vfm
