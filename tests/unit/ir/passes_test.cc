#include <boost/test/unit_test.hpp>

#include "tests/unit/ir/ir_test.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(passes_test)

BOOST_AUTO_TEST_SUITE(constant_propagation)

BOOST_AUTO_TEST_CASE(arithmetic_on_numbers) {
    BOOST_TEST(after("PUSH 10\nPUSH 5\nADD\nPUSH 2\nMUL\nRET\n", ir::constant_propagation,
                     ir::dead_code_elimination) == "b0:\n  ret 30\n");
    BOOST_TEST(after("PUSH 1\nPUSH 68\nSHL\nNEG\nRET\n", ir::constant_propagation,
                     ir::dead_code_elimination) == "b0:\n  ret 0xfffffffffffffff0\n");
}

BOOST_AUTO_TEST_CASE(what_is_the_same_for_all_operands) {
    const char* const same[][2] = {
        {"LEN\nDUP\nSUB\nRET\n", "0"},
        {"LEN\nDUP\nXOR\nRET\n", "0"},
        {"LEN\nPUSH 0\nAND\nRET\n", "0"},
        {"PUSH 0\nLEN\nMUL\nRET\n", "0"},
        {"LEN\nPUSH 0xffffffffffffffff\nOR\nRET\n", "0xffffffffffffffff"},
        {"LEN\nPUSH 1\nMOD\nRET\n", "0"},
        {"LEN\nPUSH 16\nSHR\nRET\n", "0"},
        {"LEN\nPUSH 65536\nDIV\nRET\n", "0"},
        {"LEN\nPUSH 65535\nGT\nRET\n", "0"},
        {"LEN\nPUSH 65535\nLE\nRET\n", "1"},
        {"LEN\nPUSH 65536\nEQ\nRET\n", "0"},
        {"PUSH 65536\nLEN\nGT\nRET\n", "1"},
        {"NOW\nPUSH 0\nGE\nRET\n", "1"},
        {"NOW\nPUSH 0\nLT\nRET\n", "0"},
        {"NOW\nDUP\nLE\nRET\n", "1"},
        {"NOW\nPUSH 3\nEQ\nPUSH 1\nGT\nRET\n", "0"},
    };
    for (const auto& [text, number] : same)
        BOOST_TEST(after(text, ir::constant_propagation, ir::dead_code_elimination) ==
                       "b0:\n  ret " + std::string(number) + "\n",
                   text);
    // A dividend that is at most the divisor is not below it.
    BOOST_TEST(
        after("LEN\nPUSH 65535\nDIV\nRET\n", ir::constant_propagation, ir::dead_code_elimination) ==
        "b0:\n  v0 = len\n  v1 = div v0, 0xffff\n  ret v1\n");
}

BOOST_AUTO_TEST_CASE(a_certain_error_is_a_trap) {
    BOOST_TEST(after("LEN\nPUSH 0\nDIV\nRET\n", ir::constant_propagation,
                     ir::dead_code_elimination) == "b0:\n  trap DIVISION_BY_ZERO\n");
    BOOST_TEST(after("LD64 65528\nRET\n", ir::constant_propagation, ir::dead_code_elimination) ==
               "b0:\n  trap BOUNDS\n");
    BOOST_TEST(after("PUSH 0xffffffffffffffff\nLDX8 1\nRET\n", ir::constant_propagation,
                     ir::dead_code_elimination) == "b0:\n  trap BOUNDS\n");
    // What comes before the error still happens.
    BOOST_TEST(after("PUSH 1\nPUSH 2\nFLOW_STORE\nPUSH 65535\nLDX8 0\nRET\n",
                     ir::constant_propagation, ir::dead_code_elimination) ==
               "b0:\n  flow_set table 0: 1, 2\n  trap BOUNDS\n");
    BOOST_TEST(
        after("PUSH 65534\nLDX8 0\nRET\n", ir::constant_propagation, ir::dead_code_elimination) ==
        "b0:\n  guard_len 65535\n  v0 = load8 65534\n  ret v0\n");
}

BOOST_AUTO_TEST_CASE(made_and_tested_comparisons_are_one_branch) {
    const std::string branch =
        "b0:\n  v0 = now\n  branch gt v0, 7 ? b1 : b2\nb1:\n  ret 1\nb2:\n  ret 2\n";
    BOOST_TEST(after("NOW\nPUSH 7\nGT\nPUSH 0\nJNE yes\nPUSH 2\nRET\nyes: PUSH 1\nRET\n",
                     ir::constant_propagation, ir::dead_code_elimination) == branch);
    BOOST_TEST(
        after("NOW\nPUSH 7\nGT\nPUSH 0\nEQ\nPUSH 0\nJEQ yes\nPUSH 2\nRET\nyes: PUSH 1\nRET\n",
              ir::constant_propagation, ir::dead_code_elimination) == branch);
    BOOST_TEST(
        after("PUSH 7\nNOW\nLT\nPUSH 1\nXOR\nPUSH 1\nJLT yes\nPUSH 2\nRET\nyes: PUSH 1\nRET\n",
              ir::constant_propagation, ir::dead_code_elimination) == branch);
}

BOOST_AUTO_TEST_CASE(equality_of_a_difference) {
    BOOST_TEST(after("NOW\nLEN\nSUB\nPUSH 0\nJEQ yes\nPUSH 2\nRET\nyes: PUSH 1\nRET\n",
                     ir::constant_propagation, ir::dead_code_elimination) ==
               "b0:\n  v0 = now\n  v1 = len\n  branch eq v0, v1 ? b1 : b2\n"
               "b1:\n  ret 1\nb2:\n  ret 2\n");
}

BOOST_AUTO_TEST_CASE(tests_of_the_length) {
    const auto branch = [](const std::string& test) {
        return after("LEN\nPUSH 34\n" + test + " yes\nPUSH 2\nRET\nyes: PUSH 1\nRET\n",
                     ir::constant_propagation, ir::dead_code_elimination);
    };
    const std::string yes_first = " ? b1 : b2\nb1:\n  ret 1\nb2:\n  ret 2\n";
    const std::string no_first = " ? b1 : b2\nb1:\n  ret 2\nb2:\n  ret 1\n";
    BOOST_TEST(branch("JGE") == "b0:\n  branch_len 34" + yes_first);
    BOOST_TEST(branch("JGT") == "b0:\n  branch_len 35" + yes_first);
    BOOST_TEST(branch("JLT") == "b0:\n  branch_len 34" + no_first);
    BOOST_TEST(branch("JLE") == "b0:\n  branch_len 35" + no_first);
    BOOST_TEST(branch("JEQ") == "b0:\n  v0 = len\n  branch eq v0, 34" + yes_first);
}

BOOST_AUTO_TEST_CASE(constants_pass_merges_of_which_one_way_is_left) {
    BOOST_TEST(after("PUSH 1\nPUSH 1\nJEQ a\nPUSH 9\nJMP join\na: PUSH 4\n"
                     "join: PUSH 4\nJEQ yes\nPUSH 0\nRET\nyes: PUSH 1\nRET\n",
                     ir::constant_propagation, ir::dead_code_elimination,
                     ir::simplify_cfg) == "b0:\n  ret 1\n");
}

BOOST_AUTO_TEST_CASE(a_loop_is_not_folded_by_its_first_round) {
    BOOST_TEST(body_text(optimised("PUSH 5\nagain: PUSH 1\nSUB\nDUP\nPUSH 0\nJNE again\nRET\n")) ==
               "b0:\n  fuel 1\n  jump b1(5)\n"
               "b1(v0):\n  fuel 5\n  v1 = sub v0, 1\n  branch ne v0, 1 ? b1(v1) : b2\n"
               "b2:\n  fuel 1\n  ret v1\n");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(copy_propagation)

BOOST_AUTO_TEST_CASE(operations_that_give_an_operand_back) {
    for (const char* const operation :
         {"PUSH 0\nADD\n", "PUSH 0\nSUB\n", "PUSH 0\nOR\n", "PUSH 0\nXOR\n", "PUSH 1\nMUL\n",
          "PUSH 1\nDIV\n", "PUSH 64\nSHL\n", "PUSH 0\nSHR\n", "PUSH 0xffff\nAND\n",
          "PUSH 65536\nMOD\n", "NOT\nNOT\n", "NEG\nNEG\n", "DUP\nAND\n", "DUP\nOR\n"})
        BOOST_TEST(
            after("LEN\n" + std::string(operation) + "RET\n", ir::constant_propagation,
                  ir::copy_propagation, ir::dead_code_elimination) == "b0:\n  v0 = len\n  ret v0\n",
            operation);
    for (const char* const operation :
         {"PUSH 0x7fff\nAND\n", "PUSH 0x1fffe\nAND\n", "PUSH 65535\nMOD\n"})
        BOOST_TEST(
            after("LEN\n" + std::string(operation) + "RET\n", ir::constant_propagation,
                  ir::copy_propagation, ir::dead_code_elimination) != "b0:\n  v0 = len\n  ret v0\n",
            operation);
}

BOOST_AUTO_TEST_CASE(parameters_of_a_loop_that_keep_their_value) {
    // The swap back and forth makes both slots parameters; neither changes.
    const std::string text =
        body_text(optimised("LEN\nNOW\nagain: SWAP\nSWAP\nLD8 0\nLD8 1\nJNE again\nADD\nRET\n"));
    BOOST_TEST(text ==
               "b0:\n  fuel 2\n  v0 = len\n  v1 = now\n  jump b1\n"
               "b1:\n  fuel 5\n  guard_len 2\n  v2 = load8 0\n  v3 = load8 1\n"
               "  branch ne v2, v3 ? b1 : b2\n"
               "b2:\n  fuel 2\n  v4 = add v0, v1\n  ret v4\n");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(branch_splitting)

BOOST_AUTO_TEST_CASE(a_test_of_an_or_is_a_test_of_each) {
    BOOST_TEST(after("NOW\nDUP\nPUSH 7\nEQ\nSWAP\nPUSH 9\nEQ\nOR\nPUSH 0\nJNE yes\nPUSH 2\nRET\n"
                     "yes: PUSH 1\nRET\n",
                     ir::constant_propagation, ir::branch_splitting, ir::constant_propagation,
                     ir::dead_code_elimination) ==
               "b0:\n  v0 = now\n  branch eq v0, 7 ? b2 : b1\n"
               "b1:\n  branch eq v0, 9 ? b2 : b3\n"
               "b2:\n  ret 1\nb3:\n  ret 2\n");
}

BOOST_AUTO_TEST_CASE(only_truth_values_are_taken_apart) {
    // 1 and 2 are both not zero, but have no bit in common.
    const std::string text = "LD8 0\nLD8 1\nAND\nPUSH 0\nJNE yes\nPUSH 2\nRET\nyes: PUSH 1\nRET\n";
    BOOST_TEST(after(text, ir::constant_propagation, ir::branch_splitting) ==
               after(text, ir::constant_propagation));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(dead_code_and_cfg)

BOOST_AUTO_TEST_CASE(what_nobody_uses_goes_and_what_has_an_effect_stays) {
    BOOST_TEST(after("RAND\nPOP\nPUSH 1\nFLOW_LOAD\nPOP\nPUSH 1\nPUSH 2\nFLOW_ADD 0\nPOP\n"
                     "LD8 9\nPOP\nLEN\nNOT\nPOP\nPUSH 3\nRET\n",
                     ir::dead_code_elimination) ==
               "b0:\n  v0 = rand\n  v1 = flow_get table 0: 1\n  v2 = flow_add table 0: 1, 2\n"
               "  guard_len 10\n  ret 3\n");
}

BOOST_AUTO_TEST_CASE(a_branch_that_decides_nothing) {
    BOOST_TEST(body_text(optimised("NOW\nPUSH 7\nJGT a\nPUSH 1\nJMP join\na: PUSH 2\n"
                                   "join: POP\nPUSH 3\nRET\n")) == "b0:\n  ret 3\n");
    // A guard on one way is an error that must not get lost.
    BOOST_TEST(body_text(optimised("NOW\nPUSH 7\nJGT a\nPUSH 1\nJMP join\na: LD8 50\n"
                                   "join: POP\nPUSH 3\nRET\n")) ==
               "b0:\n  v0 = now\n  branch gt v0, 7 ? b1 : b2\n"
               "b1:\n  guard_len 51\n  ret 3\nb2:\n  ret 3\n");
}

BOOST_AUTO_TEST_CASE(parameters_that_only_feed_each_other) {
    // The counter is never read but by itself.
    const ir::Function function =
        optimised("PUSH 0\nagain: PUSH 1\nADD\nLD8 0\nLD8 1\nJNE again\nPOP\nPUSH 1\nRET\n");
    for (const ir::Block& block : function.blocks) BOOST_TEST(block.params.empty());
    BOOST_TEST(count(function, ir::Op::add) == 0u);
}

BOOST_AUTO_TEST_CASE(a_decided_merge_is_passed) {
    // What the manual's filters do: a truth value is made, then tested.
    BOOST_TEST(body_text(optimised("LEN\nPUSH 14\nJLT no\nLD16 12\nPUSH 0x800\nJNE no\n"
                                   "PUSH 1\nJMP join\nno: PUSH 0\n"
                                   "join: PUSH 0\nJNE yes\nPUSH 20\nRET\nyes: PUSH 10\nRET\n")) ==
               "b0:\n  branch_len 14 ? b1 : b3\n"
               "b1:\n  v0 = load16 12\n  branch ne v0, 0x800 ? b3 : b2\n"
               "b2:\n  ret 10\nb3:\n  ret 20\n");
}

BOOST_AUTO_TEST_CASE(the_observer_sees_every_pass) {
    ir::Function function = lifted("LEN\nRET\n");
    std::string names;
    ir::optimise(function, [&](std::string_view name, const ir::Function& then) {
        names += std::string(name) + " ";
        BOOST_TEST(ir::check(then) == "");
    });
    std::string first_round;
    for (const ir::Pass& pass : ir::common_passes()) first_round += std::string(pass.name) + " ";
    BOOST_TEST(names.starts_with(first_round));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
