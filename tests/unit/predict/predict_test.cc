// Small programs whose walk can be counted by hand.
#include "bpfgen/predict/predict.h"

#include <boost/test/unit_test.hpp>

#include "bpfgen/predict/report.h"
#include "core/ebpf/constructors.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(predict_test)

namespace {

using namespace ebpf;

Prediction of(std::vector<bpf_insn> insns) {
    Program program;
    program.insns = std::move(insns);
    return predict(program);
}

/// r2 = so much of the packet's head as the first word of the context tells: an unknown number.
bpf_insn unknown(Reg reg) { return load(4, reg, 1, 12); }

}  // namespace

BOOST_AUTO_TEST_CASE(straight_on) {
    const Prediction p = of({mov_imm(0, 1), exit_insn()});
    BOOST_TEST(p.processed.value() == 2u);
    BOOST_TEST(p.longest_path.value() == 2u);
    BOOST_TEST(p.pending == 0u);
    BOOST_TEST(p.stack == 0u);
}

BOOST_AUTO_TEST_CASE(both_ways_of_a_branch) {
    const Prediction p = of({unknown(2), mov_imm(0, 1), jump_if_imm(BPF_JEQ, 2, 5), exit_insn()});
    BOOST_TEST(p.processed.value() == 5u);
    BOOST_TEST(p.pending == 1u);
}

BOOST_AUTO_TEST_CASE(one_way_where_the_number_is_known) {
    bpf_insn branch = jump_if_imm(BPF_JEQ, 2, 5);
    branch.off = 1;
    const Prediction p = of({mov_imm(2, 5), mov_imm(0, 1), branch, mov_imm(0, 2), exit_insn()});
    BOOST_TEST(p.processed.value() == 4u);
    BOOST_TEST(p.longest_path.value() == 5u);
}

BOOST_AUTO_TEST_CASE(the_way_of_a_comparison_of_low_halves) {
    bpf_insn branch = jump_if_imm(BPF_JGT, 2, 255, true);
    branch.off = 1;
    const Prediction p = of(
        {unknown(2), alu_imm(BPF_AND, 2, 255), mov_imm(0, 1), branch, mov_imm(0, 2), exit_insn()});
    BOOST_TEST(p.processed.value() == 6u);
}

BOOST_AUTO_TEST_CASE(frame) {
    const Prediction p = of({store_imm(8, kFrame, -24, 1), mov_imm(0, 1), exit_insn()});
    BOOST_TEST(p.stack == 24u);
}

BOOST_AUTO_TEST_CASE(low_bytes_of_a_spilled_number_are_known) {
    bpf_insn branch = jump_if_imm(BPF_JGT, 3, 255);
    branch.off = 1;
    const Prediction p =
        of({unknown(2), alu_imm(BPF_AND, 2, 255), store(8, kFrame, -8, 2), load(4, 3, kFrame, -8),
            mov_imm(0, 1), branch, mov_imm(0, 2), exit_insn()});
    BOOST_TEST(p.processed.value() == 8u);
}

// Two ways meet where a state is kept; of the frame, the one that is gone first says other things.
BOOST_AUTO_TEST_CASE(a_frame_that_does_not_reach_so_far_is_another) {
    bpf_insn branch = jump_if_imm(BPF_JEQ, 2, 5);
    branch.off = 9;
    std::vector<bpf_insn> insns = {unknown(2), mov_imm(0, 1), branch, store(8, kFrame, -16, 2)};
    insns.insert(insns.end(), 7, mov_imm(0, 1));
    insns.insert(insns.end(), {jump(0), load(8, 3, kFrame, -16), exit_insn()});
    BOOST_TEST(of(insns).processed.value() == 16u);
    insns.insert(insns.begin() + 2, store_imm(8, kFrame, -16, 1));
    BOOST_TEST(of(insns).processed.value() == 16u);
}

// What it was made of is gone, but what the verifier knew of a sum it expects of a sum.
BOOST_AUTO_TEST_CASE(a_sum_is_another_number_though_it_lies_within) {
    bpf_insn branch = jump_if_imm(BPF_JEQ, 2, 5), never = jump_if_imm(BPF_JGT, 3, 1000);
    branch.off = 8;
    never.off = 1;
    std::vector<bpf_insn> insns = {
        unknown(2), alu_imm(BPF_AND, 2, 255), mov_imm(0, 1), mov_imm(3, 7), branch,
        mov(3, 2),  alu_imm(BPF_ADD, 3, 5),   mov_imm(2, 0)};
    insns.insert(insns.end(), 4, mov_imm(0, 1));
    insns.insert(insns.end(), {jump(0), never, exit_insn(), exit_insn()});
    BOOST_TEST(of(insns).processed.value() == 17u);
}

BOOST_AUTO_TEST_CASE(what_only_ways_read_that_are_never_gone_is_not_compared) {
    bpf_insn branch = jump_if_imm(BPF_JEQ, 2, 5), never = jump_if_imm(BPF_JEQ, 3, 2);
    branch.off = 9;
    never.off = 1;
    std::vector<bpf_insn> insns = {unknown(2), mov_imm(0, 1), store_imm(8, kFrame, -16, 1), branch,
                                   store(8, kFrame, -16, kFrame)};
    insns.insert(insns.end(), 7, mov_imm(0, 1));
    insns.insert(insns.end(), {jump(0), mov_imm(3, 1), never, exit_insn(), load(8, 3, kFrame, -16),
                               exit_insn()});
    BOOST_TEST(of(insns).processed.value() == 17u);
}

BOOST_AUTO_TEST_CASE(functions) {
    const Prediction p = of({call_local(1), exit_insn(), mov_imm(0, 1), exit_insn()});
    BOOST_TEST(p.processed.value() == 4u);
    BOOST_TEST(p.longest_path.value() == 4u);
}

BOOST_AUTO_TEST_CASE(subprograms_are_gone_through_once) {
    Program program;
    program.insns = {mov_imm(1, 2), call_local(4),          mov_imm(1, 3),
                     call_local(2), mov_imm(0, 1),          exit_insn(),
                     mov(0, 1),     alu_imm(BPF_ADD, 0, 1), exit_insn()};
    program.subprograms = {{.name = "called", .insn = 6, .parameters = 1}};
    const Prediction p = predict(program);
    BOOST_TEST(p.processed.value() == 9u);
    BOOST_TEST(p.longest_path.value() == 12u);
}

BOOST_AUTO_TEST_CASE(what_has_no_end_ends) {
    const Prediction p = of({mov_imm(0, 1), alu_imm(BPF_ADD, 0, 1), jump(-2), exit_insn()});
    BOOST_TEST(p.processed.value() > kMostProcessed);
    BOOST_TEST(!p.longest_path.has_value());
}

BOOST_AUTO_TEST_CASE(what_the_model_does_not_follow_has_a_frame_all_the_same) {
    const Prediction p =
        of({store_imm(8, kFrame, -24, 1), may_goto(1), jump(-2), mov_imm(0, 1), exit_insn()});
    BOOST_TEST(!p.processed.has_value());
    BOOST_TEST(!p.longest_path.has_value());
    BOOST_TEST(p.stack == 24u);
}

BOOST_AUTO_TEST_CASE(what_the_kernel_calls_has_a_frame_beside_that_of_the_program) {
    const Wide round = function_address(2, 5);
    Program program;
    program.insns = {store_imm(8, kFrame, -24, 1),
                     mov_imm(1, 3),
                     round.first,
                     round.second,
                     mov_imm(3, 0),
                     mov_imm(4, 0),
                     call(BPF_FUNC_loop),
                     exit_insn(),
                     store_imm(8, kFrame, -48, 1),
                     mov_imm(0, 0),
                     exit_insn()};
    program.subprograms = {{.name = "round", .insn = 8, .parameters = 0, .is_round = true}};
    const Prediction p = predict(program);
    BOOST_TEST(!p.processed.has_value());
    BOOST_TEST(!p.longest_path.has_value());
    BOOST_TEST(p.stack == 32u + 64u);
    program.insns[2].imm = 50;
    BOOST_TEST(predict(program).stack == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_no_program) {
    BOOST_TEST(!of({}).processed.has_value());
    BOOST_TEST(!of({make_insn(0xff, 0, 0, 0, 0)}).processed.has_value());
    BOOST_TEST(!of({jump(100)}).processed.has_value());
    BOOST_TEST(!of({mov_imm(0, 1)}).processed.has_value());
    BOOST_TEST(!of({call(9999), exit_insn()}).processed.has_value());
}

BOOST_AUTO_TEST_CASE(text) {
    Prediction p;
    p.processed = 500'000;
    p.pending = 4096;
    p.longest_path = 12;
    p.maps = 16;
    p.stack = 64;
    BOOST_TEST(print_prediction(p, 20, {.map_bytes = 7, .processed = {499'000}}) ==
               "instructions: 20, 12 on the longest path\n"
               "processed by the verifier: 499000 asked, predicted 500000 of 1000000 (50.0 %), "
               "branches pending at most 4096 of 8192 (50.0 %)\n"
               "maps: 16 of 64 (25.0 %), 7 bytes; frame: 64 of 512 (12.5 %) bytes\n");
    p.processed = kMostProcessed + 1;
    p.longest_path.reset();
    BOOST_TEST(print_prediction(p, 0, {}) ==
               "instructions: 0, no longest path: it has loops\n"
               "processed by the verifier: predicted more than 1000000, which it refuses\n"
               "maps: 16 of 64 (25.0 %), 0 bytes; frame: 64 of 512 (12.5 %) bytes\n");
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
