// The algebra of outcomes, against plain sets of small numbers.
#include <boost/test/unit_test.hpp>

#include "userspace/lint/outcomes.h"
#include "userspace/lint/terms.h"

namespace vfm::lint {
BOOST_AUTO_TEST_SUITE(outcomes_test)

namespace {

constexpr uint64_t kMost = ~uint64_t{0};

/// Bit i: the number i belongs to it, for numbers below 8; bit 8: absent.
Outcomes of_bits(unsigned bits) {
    Outcomes out{.absent = (bits >> 8 & 1) != 0};
    for (uint64_t i = 0; i < 8; ++i)
        if (bits >> i & 1) out.numbers.push_back({i, i});
    tidy(out.numbers);
    return out;
}

BOOST_AUTO_TEST_CASE(small_sets_are_as_bits_say) {
    for (unsigned a = 1; a < 512; a += 3)
        for (unsigned b = 1; b < 512; b += 2) {
            BOOST_REQUIRE(meet(of_bits(a), of_bits(b)) == of_bits(a & b));
            BOOST_REQUIRE(without(of_bits(a), of_bits(b)) == of_bits(a & ~b));
            const Relation is = (a & ~b) == 0  ? Relation::within
                                : (a & b) == 0 ? Relation::apart
                                               : Relation::crosses;
            BOOST_REQUIRE(relation(of_bits(a), of_bits(b)) == is);
        }
}

BOOST_AUTO_TEST_CASE(ranges_end_where_numbers_do) {
    const Outcomes all = Outcomes::range(0, kMost);
    const Outcomes inner = without(all, Outcomes::number(kMost));
    BOOST_TEST((inner == Outcomes::range(0, kMost - 1)));
    BOOST_TEST((without(all, Outcomes::number(0)) == Outcomes::range(1, kMost)));
    const Outcomes addresses{.addresses = {Outcomes::every_address()}};
    const Outcomes one{.addresses = {{{1, 0}, {1, 0}}}};
    const Outcomes rest = without(addresses, one);
    BOOST_REQUIRE(rest.addresses.size() == 2);
    BOOST_TEST((rest.addresses[0].last == Wide{0, kMost}));
    BOOST_TEST((rest.addresses[1].first == Wide{1, 1}));
    BOOST_TEST(without(addresses, addresses).empty());
}

BOOST_AUTO_TEST_CASE(what_a_field_was_before_arithmetic) {
    Terms terms;
    const auto holds_as = [&](const char* field, std::vector<Step> steps, NumberRange goal) {
        const TermId term = terms.field(field_number(field));
        const auto before = terms.before(term, steps, {goal});
        if (!before) return false;
        // Ends of the ranges, and beside them.
        std::vector<uint64_t> tries = {0, 1, 0xffff, 0x10000, 0xffffffff, 0x0a000000, 0x0a0000ff};
        for (const NumberRange& range : before->numbers)
            for (const uint64_t at : {range.first - 1, range.first, range.last, range.last + 1})
                tries.push_back(at);
        for (const uint64_t value : tries) {
            if (!terms[term].domain.holds(value)) continue;
            const auto got = after_steps(steps, value);
            const bool in = got && *got >= goal.first && *got <= goal.last;
            if (in != before->holds(value)) return false;
        }
        return true;
    };
    BOOST_TEST(holds_as("ipv4.src", {{Opcode::AND, 0xffffff00}}, {0x0a000000, 0x0a000000}));
    BOOST_TEST(holds_as("ipv4.src", {{Opcode::AND, 0xffffff00}}, {0x0a000001, 0x0a0003ff}));
    BOOST_TEST(holds_as("ipv4.src", {{Opcode::SHR, 24}}, {10, 11}));
    BOOST_TEST(holds_as("ipv4.src", {{Opcode::SHL, 8}}, {0x0a00000001, 0x0b00000000}));
    BOOST_TEST(holds_as("ipv4.src", {{Opcode::ADD, 5}}, {0, 7}));
    BOOST_TEST(holds_as("ipv4.src", {{Opcode::SUB, 5}}, {0, 7}));
    BOOST_TEST(holds_as("ipv4.src", {{Opcode::SUB, 5}}, {7, kMost}));
    BOOST_TEST(holds_as("ipv4.src", {{Opcode::MUL, 3}}, {7, 11}));
    BOOST_TEST(holds_as("ipv4.src", {{Opcode::DIV, 256}}, {7, 11}));
    BOOST_TEST(holds_as("ipv4.src", {{Opcode::NOT}}, {kMost - 7, kMost}));
    BOOST_TEST(holds_as("tcp.flags", {{Opcode::AND, 18}}, {2, 2}));
    BOOST_TEST(holds_as("tcp.dport", {{Opcode::MOD, 7}}, {3, 4}));
    BOOST_TEST(holds_as("tcp.dport", {{Opcode::DIV, 0}}, {0, kMost}));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::lint
