// What MATCH means, row by row and word for word: what the prepared tables are compared with. And
// random rule tables and operands for it.
#pragma once

#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "core/module/module.h"
#include "tests/harness/rng.h"

namespace vfm::test {

using Words = std::pair<uint64_t, uint64_t>;  // hi, lo

/// The `length` highest bits of a key of `width` bits, the others 0.
inline Words top_bits(Words key, unsigned length, unsigned width) {
    const unsigned rest = width - length;  // bits to clear
    if (rest >= 128) return {0, 0};
    if (rest >= 64) return {rest == 64 ? key.first : key.first >> (rest - 64) << (rest - 64), 0};
    return {key.first, key.second >> rest << rest};
}

inline bool plain_test(const RuleTest& test, unsigned width, bool present, Words key) {
    if (test.kind == RuleTest::Kind::any) return true;
    if (!present || (width == 32 && key.second >> 32 != 0)) return false;
    if (test.kind == RuleTest::Kind::range)
        return Words{test.hi, test.lo} <= key && key <= Words{test.last_hi, test.last_lo};
    return top_bits(key, test.length, width) == top_bits({test.hi, test.lo}, test.length, width);
}

inline uint64_t plain_match(const RuleTable& table, const std::vector<uint64_t>& operands) {
    const uint64_t mask = operands.back();
    for (const RuleRow& row : table.rows) {
        bool holds = true;
        size_t at = 0;
        for (size_t key = 0; key < table.key_widths.size(); ++key) {
            Words words{0, operands[at++]};
            if (table.key_widths[key] == 128) words = {words.second, operands[at++]};
            holds &=
                plain_test(row.tests[key], table.key_widths[key], (mask >> key & 1) != 0, words);
        }
        if (holds) return row.rule;
    }
    return 0;
}

/// A table without rows.
inline RuleTable rules_on(std::vector<uint8_t> key_widths) {
    RuleTable table;
    table.key_widths = std::move(key_widths);
    return table;
}

/// A key of so many bits: anything, or one of few, so that tests meet.
inline Words random_key(Rng& rng, unsigned width) {
    Words key{width == 128 ? rng.next() : 0, width == 32 ? rng.next() >> 32 : rng.next()};
    switch (rng.below(5)) {
        case 0:
            return {0, rng.below(16)};
        case 1:
            return {0, rng.below(65536)};
        case 2:  // the last ones
            return {width == 128 ? ~uint64_t{0} : 0,
                    (width == 32 ? 0xffffffff : ~uint64_t{0}) - rng.below(4)};
        case 3:  // of one network
            if (width == 128) return {0x20010db800000000 | rng.below(4), rng.below(4) << 60};
            return {0, 0x0a000000 | rng.below(1024)};
        default:
            return key;
    }
}

inline RuleTest random_test(Rng& rng, unsigned width) {
    RuleTest test;
    if (rng.one_in(3)) return test;
    std::tie(test.hi, test.lo) = random_key(rng, width);
    if (rng.one_in(2)) {
        test.kind = RuleTest::Kind::prefix;
        test.length = static_cast<uint8_t>(rng.one_in(4) ? width : rng.below(width + 1));
        return test;
    }
    test.kind = RuleTest::Kind::range;
    Words last = random_key(rng, width);
    if (rng.one_in(3)) last = {test.hi, test.lo};
    if (last < Words{test.hi, test.lo}) {
        std::swap(last.first, test.hi);
        std::swap(last.second, test.lo);
    }
    std::tie(test.last_hi, test.last_lo) = last;
    return test;
}

inline RuleTable random_rules(Rng& rng, size_t rows, size_t keys) {
    RuleTable table;
    for (size_t i = 0; i < keys; ++i) table.key_widths.push_back(rng.pick<uint8_t>({32, 64, 128}));
    const bool one_rule_a_row = rng.one_in(2);
    uint32_t rule = 1;
    for (size_t i = 0; i < rows; ++i) {
        RuleRow row{rule, {}};
        for (const uint8_t width : table.key_widths) row.tests.push_back(random_test(rng, width));
        table.rows.push_back(std::move(row));
        if (one_rule_a_row || rng.one_in(3)) ++rule;
    }
    for (uint32_t i = 0; i < rule; ++i) table.verdicts.push_back(rng.next());
    return table;
}

/// Operands that a row of the table may well match: its keys come from the ends of a row's tests.
inline std::vector<uint64_t> random_operands(Rng& rng, const RuleTable& table) {
    const RuleRow* row = table.rows.empty() ? nullptr : &table.rows[rng.below(table.rows.size())];
    std::vector<uint64_t> operands;
    for (size_t key = 0; key < table.key_widths.size(); ++key) {
        const unsigned width = table.key_widths[key];
        Words words = random_key(rng, width);
        if (row && !rng.one_in(8)) {
            const RuleTest& test = row->tests[key];
            if (test.kind == RuleTest::Kind::range && rng.one_in(2))
                words = {test.last_hi, test.last_lo};
            else if (test.kind != RuleTest::Kind::any)
                words = {test.hi, test.lo};
            if (rng.one_in(6)) words.second += rng.pick<uint64_t>({1, 2, ~uint64_t{0}});
            if (rng.one_in(12)) words.second ^= uint64_t{1} << rng.below(width == 32 ? 34 : 64);
        }
        if (width == 128) operands.push_back(words.first);
        operands.push_back(words.second);
    }
    uint64_t mask = rng.one_in(4) ? rng.next() : ~uint64_t{0};
    if (rng.one_in(2)) mask &= (uint64_t{1} << table.key_widths.size()) - 1;
    operands.push_back(mask);
    return operands;
}

}  // namespace vfm::test
