// Sets and rule tables of the sizes that people have, and of shapes that nobody would wish for.
#include <fmt/core.h>

#include <boost/test/unit_test.hpp>

#include "core/tables/prepared_rules.h"
#include "core/tables/prepared_set.h"
#include "tests/unit/tables/plain_rules.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(large_test)

namespace {

using test::Rng;

RuleTest range(uint64_t a, uint64_t b) {
    return {.kind = RuleTest::Kind::range, .lo = std::min(a, b), .last_lo = std::max(a, b)};
}

void check(const RuleTable& table, size_t most_bytes_a_row) {
    const auto prepared = PreparedRules::make(table);
    BOOST_TEST(prepared->memory() < table.rows.size() * most_bytes_a_row);
    Rng rng(9);
    for (int i = 0; i < 300; ++i) {
        const auto operands = test::random_operands(rng, table);
        BOOST_TEST_REQUIRE(prepared->match(operands.data()) == test::plain_match(table, operands));
    }
    BOOST_TEST_MESSAGE(fmt::format("{}; {} bytes, {:.0f} steps", prepared->method(),
                                   prepared->memory(), prepared->steps()));
}

BOOST_AUTO_TEST_CASE(rows_with_random_ranges_of_two_keys) {
    RuleTable table = test::rules_on({32, 32});
    Rng rng(1);
    for (uint32_t i = 1; i <= 10000; ++i)
        table.rows.push_back({i,
                              {range(rng.below(65536), rng.below(65536)),
                               range(rng.below(65536), rng.below(65536))}});
    check(table, 4200);
}

BOOST_AUTO_TEST_CASE(rows_that_test_one_key_or_the_other) {
    RuleTable table = test::rules_on({128, 128});
    Rng rng(2);
    for (uint32_t i = 1; i <= 10000; ++i) {
        const RuleTest test{.kind = RuleTest::Kind::prefix,
                            .hi = rng.next(),
                            .length = static_cast<uint8_t>(16 + rng.below(48))};
        RuleRow row{i, {{}, {}}};
        row.tests[i % 2] = test;
        table.rows.push_back(row);
    }
    check(table, 1000);
}

BOOST_AUTO_TEST_CASE(nested_prefixes) {
    RuleTable table = test::rules_on({32, 32, 32});
    Rng rng(3);
    for (uint32_t i = 1; i <= 10000; ++i) {
        RuleRow row{i, {}};
        for (int key = 0; key < 2; ++key)
            row.tests.push_back({.kind = RuleTest::Kind::prefix,
                                 .lo = 0x0a000000 | rng.below(1 << 24),
                                 .length = static_cast<uint8_t>(8 + rng.below(25))});
        row.tests.push_back(rng.one_in(2) ? RuleTest{} : range(443, 443));
        table.rows.push_back(row);
    }
    check(table, 4200);
}

BOOST_AUTO_TEST_CASE(two_hundred_thousand_members) {
    for (const uint8_t width : {uint8_t{32}, uint8_t{128}}) {
        SetDecl set;
        set.width = width;
        Rng rng(width);
        for (int i = 0; i < 150000; ++i) {
            const auto length = static_cast<uint8_t>(rng.one_in(4) ? width : 20 + rng.below(13));
            set.members.push_back({width == 128 ? 0x2000000000000000 | rng.next() >> 4 : 0,
                                   rng.next() >> (width == 32 ? 32 : 0), length});
        }
        for (int i = 0; i < 50000; ++i) set.members.push_back(set.members[rng.below(150000)]);
        const auto prepared = PreparedSet::make(set);
        BOOST_TEST_MESSAGE(prepared->method());
        for (int i = 0; i < 300; ++i) {
            const SetMember& near = set.members[rng.below(set.members.size())];
            const uint64_t hi = near.hi, lo = near.lo ^ (rng.one_in(2) ? 0 : rng.below(1 << 12));
            bool expected = false;
            for (const SetMember& member : set.members)
                expected |= test::top_bits({hi, lo}, member.length, width) ==
                            test::top_bits({member.hi, member.lo}, member.length, width);
            BOOST_TEST_REQUIRE(prepared->contains(hi, lo) == expected);
        }
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
