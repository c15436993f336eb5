#include <boost/test/unit_test.hpp>

#include "core/isa/alu.h"

BOOST_AUTO_TEST_SUITE(alu_test)

using namespace vfm;

BOOST_AUTO_TEST_CASE(arithmetic_is_modulo_2_to_the_64) {
    BOOST_TEST(binary(Opcode::ADD, UINT64_MAX, 2) == 1u);
    BOOST_TEST(binary(Opcode::SUB, 1, 2) == UINT64_MAX);
    BOOST_TEST(binary(Opcode::MUL, uint64_t{1} << 63, 2) == 0u);
    BOOST_TEST(binary(Opcode::DIV, UINT64_MAX, 2) == UINT64_MAX / 2);
    BOOST_TEST(binary(Opcode::MOD, UINT64_MAX, 10) == 5u);
    BOOST_TEST(binary(Opcode::AND, 12, 10) == 8u);
    BOOST_TEST(binary(Opcode::OR, 12, 10) == 14u);
    BOOST_TEST(binary(Opcode::XOR, 12, 10) == 6u);
    BOOST_TEST(unary(Opcode::NOT, 0) == UINT64_MAX);
    BOOST_TEST(unary(Opcode::NEG, 1) == UINT64_MAX);
    BOOST_TEST(unary(Opcode::NEG, 0) == 0u);
}

BOOST_AUTO_TEST_CASE(shift_counts_are_taken_modulo_64) {
    BOOST_TEST(binary(Opcode::SHL, 1, 63) == uint64_t{1} << 63);
    BOOST_TEST(binary(Opcode::SHL, 1, 64) == 1u);
    BOOST_TEST(binary(Opcode::SHR, UINT64_MAX, 63) == 1u);  // logical
    BOOST_TEST(binary(Opcode::SHR, 8, 65) == 4u);
    BOOST_TEST(binary(Opcode::SHL, 3, UINT64_MAX) == uint64_t{1} << 63);
}

BOOST_AUTO_TEST_CASE(comparisons_are_unsigned) {
    BOOST_TEST(compare(Comparison::gt, UINT64_MAX, 0));
    BOOST_TEST(!compare(Comparison::lt, UINT64_MAX, 0));
}

BOOST_AUTO_TEST_CASE(negation_and_mirror_agree_with_comparison) {
    for (const auto c : {Comparison::eq, Comparison::ne, Comparison::gt, Comparison::lt,
                         Comparison::ge, Comparison::le})
        for (const uint64_t a : {0u, 1u, 2u})
            for (const uint64_t b : {0u, 1u, 2u}) {
                BOOST_TEST(compare(negate(c), a, b) == !compare(c, a, b));
                BOOST_TEST(compare(mirror(c), b, a) == compare(c, a, b));
            }
}

BOOST_AUTO_TEST_CASE(branches_and_compares_share_their_comparison) {
    const std::pair<Opcode, Opcode> pairs[] = {
        {Opcode::JEQ, Opcode::EQ}, {Opcode::JNE, Opcode::NE}, {Opcode::JGT, Opcode::GT},
        {Opcode::JLT, Opcode::LT}, {Opcode::JGE, Opcode::GE}, {Opcode::JLE, Opcode::LE}};
    for (const auto& [jump, value] : pairs)
        BOOST_TEST((comparison_of(jump) == comparison_of(value)));
    BOOST_TEST((comparison_of(Opcode::JLE) == Comparison::le));
    BOOST_TEST((comparison_of(Opcode::JGT) == Comparison::gt));
}

BOOST_AUTO_TEST_CASE(the_mix_of_hash5) {
    // h ^= w; h *= 0xFF51AFD7ED558CCD; h ^= h >> 32, by hand for w = 0.
    uint64_t h = 0x9E3779B97F4A7C15;
    h *= 0xFF51AFD7ED558CCD;
    h ^= h >> 32;
    BOOST_TEST(mix(kMixStart, 0) == h);
    BOOST_TEST(mix(kMixStart, 1) != h);
}

BOOST_AUTO_TEST_SUITE_END()
