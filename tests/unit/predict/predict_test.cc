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
