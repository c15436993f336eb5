// Functions that bpf_loop calls: how often, with what, and what they may do.
#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "tests/unit/ebpf/program.h"

namespace vfm::ebpf::test {
BOOST_AUTO_TEST_SUITE(rounds_test)

namespace {

Code function(Register dst, int32_t distance) {
    const Wide wide = function_address(dst, distance);
    Code out(wide.first);
    out.insns.push_back(wide.second);
    return out;
}

// `rounds` of a function that follows `behind`; r3 is its second argument.
Code looped(int64_t rounds, const Code& argument, const Code& behind, const Code& round,
            int64_t flags = 0) {
    const auto distance = static_cast<int32_t>(1 + argument.insns.size() + 2 + behind.insns.size());
    return {mov(r1, rounds),
            function(r2, distance),
            argument,
            mov(r4, flags),
            call(BPF_FUNC_loop),
            behind,
            round};
}

const Code kFrameOfCaller = mov_reg(r3, r10);

// Adds the number of the round to the caller's r10-8, and ends behind round 4.
const Code kSum = {ebpf::load(8, r0, r2, -8),
                   alu_reg(BPF_ADD, r0, r1),
                   store(8, r2, -8, r0),
                   mov(r0, 0),
                   jump(BPF_JNE, r1, 4, 1),
                   mov(r0, 1),
                   leave()};

Code sum_of(int64_t rounds, const Code& behind) {
    return {store_imm(8, r10, -8, 100), looped(rounds, kFrameOfCaller, behind, kSum)};
}

BOOST_AUTO_TEST_CASE(rounds_are_numbered_until_all_are_over_or_one_gives_1) {
    const Code rounds = leave(), sum = {ebpf::load(8, r0, r10, -8), leave()};
    BOOST_TEST(outcome(sum_of(3, rounds)) == "3");
    BOOST_TEST(outcome(sum_of(3, sum)) == "103");
    BOOST_TEST(outcome(sum_of(9, rounds)) == "5");
    BOOST_TEST(outcome(sum_of(9, sum)) == "110");
    BOOST_TEST(outcome(sum_of(0, rounds)) == "0");
    BOOST_TEST(outcome(sum_of(0, sum)) == "100");
}

// The number of rounds is the low half of r1.
BOOST_AUTO_TEST_CASE(what_the_kernel_gives_back_as_an_error) {
    const auto result = [](int64_t rounds, int64_t flags) {
        const Code ends = {mov(r0, 1), leave()};
        return outcome(looped(rounds, mov(r3, 0), leave(), ends, flags));
    };
    BOOST_TEST(result(1 << 23, 0) == "1");
    BOOST_TEST(result((1 << 23) + 1, 0) == std::to_string(uint64_t{0} - E2BIG));
    BOOST_TEST(result(1, 1) == std::to_string(uint64_t{0} - EINVAL));
}

BOOST_AUTO_TEST_CASE(registers_are_kept_for_the_caller_and_empty_in_a_round) {
    const Code nothing = {mov(r6, 7), mov(r0, 0), leave()};
    const Code kept = {mov(r6, 5), looped(2, mov(r3, 0), {mov_reg(r0, r6), leave()}, nothing)};
    BOOST_TEST(outcome(kept) == "5");
    const Code lost = {looped(2, mov(r3, 0), {mov_reg(r0, r2), leave()}, nothing)};
    BOOST_TEST(outcome(lost) == "fault at 6: r2 is read before it is written");
    for (const Register empty : {r0, r3, r5, r6, r9}) {
        const Code reads = {mov_reg(r0, empty), mov(r0, 0), leave()};
        BOOST_TEST(outcome({mov(r6, 5), mov(r9, 5), looped(2, mov(r3, 0), leave(), reads)}) ==
                   "fault at 9: r" + std::to_string(empty) + " is read before it is written");
    }
}

BOOST_AUTO_TEST_CASE(each_round_has_a_frame_of_its_own) {
    const Code reads_last = {jump(BPF_JEQ, r1, 1, 3),
                             store_imm(8, r10, -8, 6),
                             mov(r0, 0),
                             leave(),
                             ebpf::load(8, r0, r10, -8),
                             leave()};
    BOOST_TEST(outcome(looped(2, mov(r3, 0), leave(), reads_last)) ==
               "fault at 11: stack bytes at r10-8 are read before they are written");
}

BOOST_AUTO_TEST_CASE(what_the_kernel_refuses) {
    const Code gives_2 = {mov(r0, 2), leave()};
    BOOST_TEST(outcome(looped(2, mov(r3, 0), leave(), gives_2)) ==
               "fault at 8: a round gives neither 0 nor 1");
    const Code ends = {mov(r0, 1), leave()};
    BOOST_TEST(outcome(looped(2, mov(r3, 5), leave(), ends)) ==
               "fault at 5: r3 is to be a stack pointer, is a number");
    const Code number = {mov(r1, 2), mov(r2, 5),          mov(r3, 0),
                         mov(r4, 0), call(BPF_FUNC_loop), leave()};
    BOOST_TEST(outcome(number) == "fault at 4: r2 is to be a function, is a number");
    BOOST_TEST(outcome({function(r2, 100), mov(r0, 0), leave()}) ==
               "not loaded at 0: a function that is none");
    BOOST_TEST(outcome({function(r2, 0), mov(r0, 0), leave()}) ==
               "not loaded at 0: a function that is none");
    const Code deep = {store_imm(8, r10, -480, 5),
                       looped(1, mov(r3, 0), leave(), {store_imm(8, r10, -40, 0), ends})};
    BOOST_TEST(outcome(deep) == "not loaded at 0: a chain of calls takes 544 bytes of stack");
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::ebpf::test
