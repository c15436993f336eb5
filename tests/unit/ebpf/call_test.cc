// Calls of subprograms: registers, frames, and which chains of calls are refused.
#include <boost/test/unit_test.hpp>

#include "tests/unit/ebpf/program.h"

namespace vfm::ebpf::test {
BOOST_AUTO_TEST_SUITE(call_test)

namespace {

bpf_insn call_on(int distance) { return call_local(distance); }

BOOST_AUTO_TEST_CASE(arguments_go_in_and_r0_comes_out) {
    const Code code = {mov(r1, 40), mov(r2, 2),      call_on(1),
                       leave(),     mov_reg(r0, r1), alu_reg(BPF_ADD, r0, r2),
                       leave()};
    BOOST_TEST(outcome(code) == "42");
}

BOOST_AUTO_TEST_CASE(r6_to_r9_are_kept_and_r1_to_r5_lost) {
    const Code kept = {mov(r6, 1),      mov(r9, 20), call_on(3), alu_reg(BPF_ADD, r6, r9),
                       mov_reg(r0, r6), leave(),     mov(r6, 7), mov(r9, 7),
                       mov(r0, 0),      leave()};
    BOOST_TEST(outcome(kept) == "21");
    const Code lost = {mov(r3, 1), call_on(2), mov_reg(r0, r3), leave(), mov(r0, 0), leave()};
    BOOST_TEST(outcome(lost) == "fault at 2: r3 is read before it is written");
    const Code unseen = {mov(r6, 1), call_on(1), leave(), mov_reg(r0, r6), leave()};
    BOOST_TEST(outcome(unseen) == "fault at 3: r6 is read before it is written");
}

BOOST_AUTO_TEST_CASE(each_call_has_a_frame_of_its_own) {
    const Code own = {store_imm(8, r10, -8, 5),
                      call_on(2),
                      ebpf::load(8, r0, r10, -8),
                      leave(),
                      store_imm(8, r10, -8, 6),
                      mov(r0, 0),
                      leave()};
    BOOST_TEST(outcome(own) == "5");
    // Of what an earlier call left there, nothing is to be read.
    const Code again = {mov(r1, 0),
                        call_on(3),
                        mov(r1, 1),
                        call_on(1),
                        leave(),
                        jump(BPF_JEQ, r1, 1, 3),
                        store_imm(8, r10, -8, 6),
                        mov(r0, 0),
                        leave(),
                        ebpf::load(8, r0, r10, -8),
                        leave()};
    BOOST_TEST(outcome(again) ==
               "fault at 9: stack bytes at r10-8 are read before they are written");
    // The caller's is read and written through a pointer.
    const Code lent = {store_imm(8, r10, -8, 5),
                       mov_reg(r1, r10),
                       alu(BPF_ADD, r1, -8),
                       call_on(2),
                       ebpf::load(8, r0, r10, -8),
                       leave(),
                       ebpf::load(8, r2, r1, 0),
                       alu(BPF_ADD, r2, 1),
                       store(8, r1, 0, r2),
                       mov(r0, 0),
                       leave()};
    BOOST_TEST(outcome(lent) == "6");
}

BOOST_AUTO_TEST_CASE(what_the_kernel_refuses) {
    const Code deep = {store_imm(8, r10, -480, 5), call_on(1), leave(),
                       store_imm(8, r10, -40, 0),  mov(r0, 0), leave()};
    BOOST_TEST(outcome(deep) == "not loaded at 0: a chain of calls takes 544 bytes of stack");
    const Code through_a_copy = {mov_reg(r1, r10), alu(BPF_ADD, r1, -480),    call_on(1),
                                 leave(),          store_imm(8, r10, -40, 0), mov(r0, 0),
                                 leave()};
    BOOST_TEST(outcome(through_a_copy) ==
               "not loaded at 0: a chain of calls takes 544 bytes of stack");
    const Code just = {store_imm(8, r10, -448, 5), call_on(1), leave(),
                       store_imm(8, r10, -64, 0),  mov(r0, 1), leave()};
    BOOST_TEST(outcome(just) == "1");
    const Code across = {mov(r1, 0), call_on(2), go(2), leave(), mov(r0, 0), leave()};
    BOOST_TEST(outcome(across) == "not loaded at 2: jump into another function");
    const Code falls = {mov(r1, 0), call_on(1), mov(r0, 1), mov(r0, 0), leave()};
    BOOST_TEST(outcome(falls) == "not loaded at 2: a function runs into the next one");
    const Code nowhere = {call_on(7), leave()};
    BOOST_TEST(outcome(nowhere) == "not loaded at 0: jump to no instruction");

    const auto chain_of = [](unsigned functions) {
        Code code = {call_on(1), leave()};
        for (unsigned i = 2; i < functions; ++i) code = {code, call_on(1), leave()};
        return Code{code, mov(r0, 3), leave()};
    };
    BOOST_TEST(outcome(chain_of(8)) == "3");
    BOOST_TEST(outcome(chain_of(9)) == "not loaded at 14: more than 7 calls in a chain");
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::ebpf::test
