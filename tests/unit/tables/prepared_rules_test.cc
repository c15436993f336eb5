#include "core/tables/prepared_rules.h"

#include <fmt/core.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/tables/plain_rules.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(prepared_rules_test)

namespace {

using test::Rng;

RuleTest prefix(uint64_t value, uint8_t length) {
    return {.kind = RuleTest::Kind::prefix, .lo = value, .length = length};
}
RuleTest range(uint64_t first, uint64_t last) {
    return {.kind = RuleTest::Kind::range, .lo = first, .last_lo = last};
}
constexpr RuleTest kAny;

/// What both methods give, which is the same.
uint64_t match(const RuleTable& table, const std::vector<uint64_t>& operands) {
    const uint64_t scanned = PreparedRules::make(table, RulesMethod::scan)->match(operands.data());
    const auto bits = PreparedRules::make(table, RulesMethod::bits);
    BOOST_TEST(bits->match(operands.data()) == scanned);
    return scanned;
}

BOOST_AUTO_TEST_CASE(first_row_decides) {
    const RuleTable table{.name = "t",
                          .key_widths = {32, 32},
                          .verdicts = {10, 20, 30},
                          .default_verdict = 7,
                          .rows = {{1, {prefix(0x0a000000, 8), range(80, 90)}},
                                   {1, {prefix(0x0a000000, 8), range(443, 443)}},
                                   {2, {kAny, range(0, 1023)}},
                                   {3, {prefix(0x0a010000, 16), kAny}}}};
    BOOST_TEST(match(table, {0x0a010203, 85, 3}) == 1u);
    BOOST_TEST(match(table, {0x0a010203, 443, 3}) == 1u);
    BOOST_TEST(match(table, {0x0a010203, 91, 3}) == 2u);
    BOOST_TEST(match(table, {0x0a010203, 1024, 3}) == 3u);
    BOOST_TEST(match(table, {0x0b010203, 1024, 3}) == 0u);
    const auto prepared = PreparedRules::make(table);
    BOOST_TEST(prepared->verdict(0) == 7u);
    BOOST_TEST(prepared->verdict(1) == 10u);
    BOOST_TEST(prepared->verdict(3) == 30u);
    BOOST_TEST(prepared->verdict(4) == 7u);
    BOOST_TEST(prepared->verdict(UINT64_MAX) == 7u);
}

BOOST_AUTO_TEST_CASE(absent_keys_and_such_as_are_too_wide_pass_no_test) {
    RuleTable table = test::rules_on({32, 64});
    table.rows = {{1, {prefix(0, 0), kAny}},
                  {2, {range(0, 0xffffffff), kAny}},
                  {3, {kAny, prefix(0, 0)}},
                  {4, {kAny, kAny}}};
    BOOST_TEST(match(table, {5, 5, 3}) == 1u);
    BOOST_TEST(match(table, {5, 5, 2}) == 3u);
    BOOST_TEST(match(table, {uint64_t{1} << 32, 5, 3}) == 3u);
    BOOST_TEST(match(table, {5, 5, 0}) == 4u);
    BOOST_TEST(match(table, {5, 5, ~uint64_t{3}}) == 4u);  // mask bits of no key
}

BOOST_AUTO_TEST_CASE(wide_keys_are_two_words) {
    RuleTest net{.kind = RuleTest::Kind::prefix, .hi = 0x20010db800000000, .length = 32};
    RuleTest some{.kind = RuleTest::Kind::range, .hi = 1, .lo = 5, .last_hi = 2, .last_lo = 3};
    RuleTable table = test::rules_on({128, 32, 128});
    table.rows = {{1, {net, range(4, 6), kAny}}, {2, {kAny, kAny, some}}};
    BOOST_TEST(match(table, {0x20010db8ffffffff, 1, 5, 0, 0, 7}) == 1u);
    BOOST_TEST(match(table, {0x20010db900000000, 1, 5, 0, 0, 7}) == 0u);
    BOOST_TEST(match(table, {0x20010db900000000, 1, 5, 1, 5, 7}) == 2u);
    BOOST_TEST(match(table, {0x20010db900000000, 1, 5, 1, 4, 7}) == 0u);
    BOOST_TEST(match(table, {0x20010db900000000, 1, 5, 2, 3, 7}) == 2u);
    BOOST_TEST(match(table, {0x20010db900000000, 1, 5, 2, 4, 7}) == 0u);
    BOOST_TEST(match(table, {0x20010db900000000, 1, 5, 2, 3, 3}) == 0u);
}

BOOST_AUTO_TEST_CASE(tables_without_rows_or_tests) {
    BOOST_TEST(match(test::rules_on({32}), {1, 1}) == 0u);
    RuleTable table = test::rules_on({32});
    table.rows = {{5, {kAny}}};
    BOOST_TEST(match(table, {1, 0}) == 5u);
    table.rows.push_back({6, {range(1, 1)}});
    BOOST_TEST(match(table, {1, 1}) == 5u);
}

BOOST_AUTO_TEST_CASE(methods_say_what_they_are) {
    Rng rng(1);
    const auto few = PreparedRules::make(test::random_rules(rng, 3, 2));
    BOOST_TEST((few->kind() == RulesMethod::scan));
    BOOST_TEST(few->method() == "scan: 3 rows");
    RuleTable many = test::rules_on({32, 32});
    for (uint32_t i = 0; i < 1000; ++i)
        many.rows.push_back({i + 1, {prefix(i << 8, 24), range(i, i + 1)}});
    const auto prepared = PreparedRules::make(many);
    BOOST_TEST((prepared->kind() == RulesMethod::bits));
    BOOST_TEST(prepared->method() == "bits: 1000 rows, 2 columns, 2003 classes");
    BOOST_TEST(prepared->memory() > 1000u);
    BOOST_TEST(prepared->steps() > few->steps());
}

/// Prepared tables of `tables` random ones against the plain reading.
void compare(uint64_t seed, size_t tables, size_t most_rows, size_t most_keys) {
    size_t hits = 0, misses = 0, deep = 0;
    for (size_t i = 0; i < tables; ++i) {
        Rng rng(seed, i);
        const size_t rows = rng.below(most_rows + 1), keys = 1 + rng.below(most_keys);
        const RuleTable table = test::random_rules(rng, rows, keys);
        const std::shared_ptr<const PreparedRules> prepared[] = {
            PreparedRules::make(table), PreparedRules::make(table, RulesMethod::scan),
            PreparedRules::make(table, RulesMethod::bits)};
        for (int j = 0; j < 60; ++j) {
            const std::vector<uint64_t> operands = test::random_operands(rng, table);
            const uint64_t expected = test::plain_match(table, operands);
            ++(expected == 0 ? misses : expected > 20 ? deep : hits);
            for (const auto& one : prepared) {
                const uint64_t got = one->match(operands.data());
                BOOST_REQUIRE_MESSAGE(got == expected,
                                      fmt::format("table {} of seed {}, {}: {} instead of {}", i,
                                                  seed, one->method(), got, expected));
            }
        }
    }
    BOOST_TEST(hits > tables);
    BOOST_TEST(misses + deep > tables);
}

BOOST_AUTO_TEST_CASE(random_small_tables) { compare(1, 4000, 20, 4); }
BOOST_AUTO_TEST_CASE(random_tables_of_many_keys) { compare(2, 600, 60, 16); }
BOOST_AUTO_TEST_CASE(random_tables_of_many_rows) { compare(3, 150, 1000, 3); }
BOOST_AUTO_TEST_CASE(random_tables_of_more_than_one_summary_word) { compare(4, 4, 12000, 5); }

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
