// What is known of a number after an operation holds for every number that it may be.
#include "bpfgen/predict/scalar.h"

#include <boost/test/unit_test.hpp>

#include "core/ebpf/arithmetic.h"
#include "tests/harness/rng.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(scalar_test)

namespace {

using ebpf::Op;

constexpr Op kOperations[] = {Op::ADD, Op::SUB, Op::MUL, Op::AND, Op::OR,
                              Op::XOR, Op::LSH, Op::RSH, Op::ARSH};
constexpr Op kRelations[] = {Op::JEQ,  Op::JNE,  Op::JGT,  Op::JGE,  Op::JLT, Op::JLE,
                             Op::JSGT, Op::JSGE, Op::JSLT, Op::JSLE, Op::JSET};

struct Sample {
    uint64_t number;
    Scalar known;
};

/// A number and something true of it.
Sample sample(test::Rng& rng) {
    const uint64_t number = rng.next() >> (rng.next() % 64);
    Scalar known = Scalar::known(number);
    switch (rng.next() % 4) {
        case 0:
            return {number, known};
        case 1:
            return {number, {}};
        case 2: {
            known = {};
            known.bits.mask = rng.next() & rng.next();
            known.bits.value = number & ~known.bits.mask;
            break;
        }
        default:
            known = {};
            known.most = number | (rng.next() >> (rng.next() % 64));
            known.least = number & rng.next();
    }
    known.settle();
    return {number, known};
}

bool says(const Scalar& known, uint64_t number) {
    return known.least <= number && number <= known.most &&
           known.signed_least <= static_cast<int64_t>(number) &&
           static_cast<int64_t>(number) <= known.signed_most &&
           known.low_least <= static_cast<uint32_t>(number) &&
           static_cast<uint32_t>(number) <= known.low_most &&
           (number & ~known.bits.mask) == known.bits.value;
}

uint64_t computed(Op op, bool is_wide, uint64_t a, uint64_t b) {
    if (is_wide) return ebpf::arithmetic<uint64_t>(op, a, b);
    return ebpf::arithmetic<uint32_t>(op, static_cast<uint32_t>(a), static_cast<uint32_t>(b));
}

bool compared(Op op, bool is_wide, uint64_t a, uint64_t b) {
    if (is_wide) return ebpf::holds(op, a, b);
    return ebpf::holds(op, static_cast<uint32_t>(a), static_cast<uint32_t>(b));
}

}  // namespace

BOOST_AUTO_TEST_CASE(operations) {
    test::Rng rng(1);
    for (unsigned i = 0; i < 20000; ++i) {
        const Sample a = sample(rng), b = sample(rng);
        BOOST_REQUIRE(says(a.known, a.number));
        for (const Op op : kOperations) {
            for (const bool is_wide : {false, true}) {
                const Scalar result = combine(op, is_wide, a.known, b.known);
                const uint64_t number = computed(op, is_wide, a.number, b.number);
                BOOST_REQUIRE_MESSAGE(says(result, number), "operation " << int(op) << " of "
                                                                         << a.number << " and "
                                                                         << b.number);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(branches) {
    test::Rng rng(2);
    for (unsigned i = 0; i < 20000; ++i) {
        const Sample a = sample(rng), b = sample(rng);
        for (const Op op : kRelations) {
            for (const bool is_wide : {false, true}) {
                const bool truth = compared(op, is_wide, a.number, b.number);
                const int outcome = decided(op, is_wide, a.known, b.known);
                BOOST_REQUIRE(outcome < 0 || (outcome == 1) == truth);
                Scalar left = a.known, right = b.known;
                learn(op, is_wide, truth, left, right);
                BOOST_REQUIRE(says(left, a.number));
                BOOST_REQUIRE(says(right, b.number));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(bits_and_bounds_with_one_number_in_common) {
    Scalar s;
    s.bits = {0, 2};
    s.least = 1;
    s.settle();
    BOOST_TEST(s.is_known());
    BOOST_TEST(s.bits.value == 2u);
}

BOOST_AUTO_TEST_CASE(swapped_bytes) {
    const Scalar s = swapped(Op::BE, 2, Scalar::of_bytes(2));
    BOOST_TEST(s.most == 0xffffu);
    BOOST_TEST(swapped(Op::BE, 2, Scalar::known(0x1234)).bits.value == 0x3412u);
}

BOOST_AUTO_TEST_CASE(one_holds_the_other) {
    const Scalar byte = Scalar::of_bytes(1), half = Scalar::of_bytes(2);
    BOOST_TEST(half.holds(byte));
    BOOST_TEST(!byte.holds(half));
    BOOST_TEST(byte.holds(Scalar::known(7)));
    BOOST_TEST(!Scalar::known(7).holds(Scalar::known(8)));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
