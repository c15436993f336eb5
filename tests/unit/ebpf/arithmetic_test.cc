// Arithmetic, jumps, byte order and atomics of the machine, against C++.
#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/unit/ebpf/program.h"

namespace vfm::ebpf::test {
BOOST_AUTO_TEST_SUITE(arithmetic_test)

namespace {

uint64_t number(const Code& code) {
    auto machine = load_program(code);
    if (!machine) BOOST_FAIL(machine.error().reason);
    const auto result = machine->run({});
    if (!result) BOOST_FAIL(result.error().reason);
    return *result;
}

/// Operands near the edges as well as anywhere.
uint64_t operand(std::mt19937_64& random) {
    constexpr uint64_t kEdges[] = {0,          1,          2,          31,         32,
                                   63,         64,         UINT32_MAX, 1ull << 31, 1ull << 32,
                                   1ull << 63, UINT64_MAX, INT64_MAX};
    return random() % 2 ? random() >> random() % 64 : kEdges[random() % std::size(kEdges)];
}

struct Operation {
    unsigned op;
    uint64_t (*wide)(uint64_t, uint64_t);
    uint32_t (*narrow)(uint32_t, uint32_t);
};

const Operation kOperations[] = {
    {BPF_ADD, [](uint64_t a, uint64_t b) { return a + b; },
     [](uint32_t a, uint32_t b) { return a + b; }},
    {BPF_SUB, [](uint64_t a, uint64_t b) { return a - b; },
     [](uint32_t a, uint32_t b) { return a - b; }},
    {BPF_MUL, [](uint64_t a, uint64_t b) { return a * b; },
     [](uint32_t a, uint32_t b) { return a * b; }},
    {BPF_DIV, [](uint64_t a, uint64_t b) { return b ? a / b : 0; },
     [](uint32_t a, uint32_t b) { return b ? a / b : 0; }},
    {BPF_MOD, [](uint64_t a, uint64_t b) { return b ? a % b : a; },
     [](uint32_t a, uint32_t b) { return b ? a % b : a; }},
    {BPF_AND, [](uint64_t a, uint64_t b) { return a & b; },
     [](uint32_t a, uint32_t b) { return a & b; }},
    {BPF_OR, [](uint64_t a, uint64_t b) { return a | b; },
     [](uint32_t a, uint32_t b) { return a | b; }},
    {BPF_XOR, [](uint64_t a, uint64_t b) { return a ^ b; },
     [](uint32_t a, uint32_t b) { return a ^ b; }},
    {BPF_LSH, [](uint64_t a, uint64_t b) { return a << b % 64; },
     [](uint32_t a, uint32_t b) { return a << b % 32; }},
    {BPF_RSH, [](uint64_t a, uint64_t b) { return a >> b % 64; },
     [](uint32_t a, uint32_t b) { return a >> b % 32; }},
    {BPF_ARSH,
     [](uint64_t a, uint64_t b) {
         return static_cast<uint64_t>(static_cast<int64_t>(a) >> b % 64);
     },
     [](uint32_t a, uint32_t b) {
         return static_cast<uint32_t>(static_cast<int32_t>(a) >> b % 32);
     }},
    {BPF_MOV, [](uint64_t, uint64_t b) { return b; }, [](uint32_t, uint32_t b) { return b; }},
};

BOOST_AUTO_TEST_CASE(register_arithmetic_is_that_of_unsigned_numbers) {
    std::mt19937_64 random(1);
    for (const Operation& o : kOperations) {
        for (int i = 0; i < 200; ++i) {
            const uint64_t a = operand(random), b = operand(random);
            const Code operands = {load64(r0, a), load64(r1, b)};
            BOOST_REQUIRE_EQUAL(number({operands, alu_reg(o.op, r0, r1), leave()}), o.wide(a, b));
            BOOST_REQUIRE_EQUAL(number({operands, alu32_reg(o.op, r0, r1), leave()}),
                                o.narrow(static_cast<uint32_t>(a), static_cast<uint32_t>(b)));
        }
    }
}

BOOST_AUTO_TEST_CASE(immediates_are_sign_extended) {
    std::mt19937_64 random(2);
    for (const Operation& o : kOperations) {
        for (int i = 0; i < 100; ++i) {
            const uint64_t a = operand(random);
            auto imm = static_cast<int32_t>(operand(random));
            if (o.op == BPF_LSH || o.op == BPF_RSH || o.op == BPF_ARSH) imm &= 31;
            if (imm == 0) imm = 1;
            const auto b = static_cast<uint64_t>(int64_t{imm});
            BOOST_REQUIRE_EQUAL(number({load64(r0, a), alu(o.op, r0, imm), leave()}), o.wide(a, b));
            BOOST_REQUIRE_EQUAL(number({load64(r0, a), alu32(o.op, r0, imm), leave()}),
                                o.narrow(static_cast<uint32_t>(a), static_cast<uint32_t>(b)));
        }
    }
}

BOOST_AUTO_TEST_CASE(negation) {
    BOOST_TEST(number({mov(r0, 5), alu(BPF_NEG, r0, 0), leave()}) == static_cast<uint64_t>(-5));
    BOOST_TEST(number({mov(r0, 5), alu32(BPF_NEG, r0, 0), leave()}) == uint32_t(-5));
}

BOOST_AUTO_TEST_CASE(byte_order) {
    const uint64_t value = 0x1122334455667788;
    const auto swapped = [&](unsigned order, int width) {
        return number(
            {load64(r0, value), insn(BPF_ALU | BPF_END | order, r0, 0, 0, width), leave()});
    };
    BOOST_TEST(swapped(BPF_TO_BE, 16) == 0x8877u);
    BOOST_TEST(swapped(BPF_TO_BE, 32) == 0x88776655u);
    BOOST_TEST(swapped(BPF_TO_BE, 64) == 0x8877665544332211u);
    BOOST_TEST(swapped(BPF_TO_LE, 16) == 0x7788u);
    BOOST_TEST(swapped(BPF_TO_LE, 32) == 0x55667788u);
    BOOST_TEST(swapped(BPF_TO_LE, 64) == value);
}

struct Condition {
    unsigned op;
    bool (*wide)(uint64_t, uint64_t);
};

const Condition kConditions[] = {
    {BPF_JEQ, [](uint64_t a, uint64_t b) { return a == b; }},
    {BPF_JNE, [](uint64_t a, uint64_t b) { return a != b; }},
    {BPF_JGT, [](uint64_t a, uint64_t b) { return a > b; }},
    {BPF_JGE, [](uint64_t a, uint64_t b) { return a >= b; }},
    {BPF_JLT, [](uint64_t a, uint64_t b) { return a < b; }},
    {BPF_JLE, [](uint64_t a, uint64_t b) { return a <= b; }},
    {BPF_JSGT, [](uint64_t a, uint64_t b) { return int64_t(a) > int64_t(b); }},
    {BPF_JSGE, [](uint64_t a, uint64_t b) { return int64_t(a) >= int64_t(b); }},
    {BPF_JSLT, [](uint64_t a, uint64_t b) { return int64_t(a) < int64_t(b); }},
    {BPF_JSLE, [](uint64_t a, uint64_t b) { return int64_t(a) <= int64_t(b); }},
    {BPF_JSET, [](uint64_t a, uint64_t b) { return (a & b) != 0; }},
};

/// The number as a sign-extended 32-bit one: so the comparisons of 64 bits serve for 32.
uint64_t low_half(uint64_t value) {
    return static_cast<uint64_t>(int64_t{static_cast<int32_t>(value)});
}

BOOST_AUTO_TEST_CASE(conditional_jumps) {
    std::mt19937_64 random(3);
    for (const Condition& c : kConditions) {
        for (int i = 0; i < 200; ++i) {
            const uint64_t a = operand(random), b = i % 5 ? operand(random) : a;
            const auto imm = static_cast<int32_t>(b);
            const Code rest = {mov(r0, 0), leave(), mov(r0, 1), leave()};
            const Code operands = {load64(r1, a), load64(r2, b)};
            BOOST_REQUIRE_EQUAL(number({operands, jump_reg(c.op, r1, r2, 2), rest}), c.wide(a, b));
            BOOST_REQUIRE_EQUAL(number({operands, jump(c.op, r1, imm, 2), rest}),
                                c.wide(a, low_half(b)));
            BOOST_REQUIRE_EQUAL(number({operands, jump32(c.op, r1, imm, 2), rest}),
                                c.wide(low_half(a), low_half(b)));
        }
    }
}

BOOST_AUTO_TEST_CASE(long_jump) {
    BOOST_TEST(number({insn(BPF_JMP32 | BPF_JA, 0, 0, 0, 2), mov(r0, 1), leave(), mov(r0, 2),
                       leave()}) == 2u);
}

BOOST_AUTO_TEST_CASE(atomics_on_the_stack) {
    const auto run = [](unsigned size, int op, Register result) {
        return number({load64(r1, 0x1'0000'000c), store(8, r10, -8, r1), mov(r0, 12),
                       load64(r2, 0x7'0000'0005), atomic(size, r10, -8, r2, op),
                       result == r9 ? load(8, r0, r10, -8) : mov_reg(r0, result), leave()});
    };
    BOOST_TEST(run(8, BPF_ADD, r9) == 0x8'0000'0011u);
    BOOST_TEST(run(4, BPF_ADD, r9) == 0x1'0000'0011u);
    BOOST_TEST(run(4, BPF_ADD, r2) == 0x7'0000'0005u);
    BOOST_TEST(run(8, BPF_ADD | BPF_FETCH, r2) == 0x1'0000'000cu);
    BOOST_TEST(run(4, BPF_ADD | BPF_FETCH, r2) == 0xcu);
    BOOST_TEST(run(8, BPF_AND, r9) == 0x1'0000'0004u);
    BOOST_TEST(run(8, BPF_OR, r9) == 0x7'0000'000du);
    BOOST_TEST(run(8, BPF_XOR, r9) == 0x6'0000'0009u);
    BOOST_TEST(run(8, BPF_XCHG, r9) == 0x7'0000'0005u);
    BOOST_TEST(run(8, BPF_XCHG, r2) == 0x1'0000'000cu);
    BOOST_TEST(run(4, BPF_CMPXCHG, r9) == 0x1'0000'0005u);
    BOOST_TEST(run(4, BPF_CMPXCHG, r0) == 0xcu);
    BOOST_TEST(run(8, BPF_CMPXCHG, r9) == 0x1'0000'000cu);
    BOOST_TEST(run(8, BPF_CMPXCHG, r0) == 0x1'0000'000cu);
}

BOOST_AUTO_TEST_CASE(memory_is_little_endian_and_loads_are_zero_extended) {
    BOOST_TEST(number({load64(r1, 0xffeeddccbbaa9988), store(8, r10, -8, r1), load(1, r0, r10, -7),
                       leave()}) == 0x99u);
    BOOST_TEST(number({store_imm(8, r10, -8, -1), load(4, r0, r10, -8), leave()}) == 0xffffffffu);
    BOOST_TEST(number({store_imm(8, r10, -8, -1), store_imm(2, r10, -8, 0), load(8, r0, r10, -8),
                       leave()}) == 0xffffffffffff0000u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::ebpf::test
