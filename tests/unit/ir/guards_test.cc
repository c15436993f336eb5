#include <boost/test/unit_test.hpp>

#include "tests/unit/ir/ir_test.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(guards_test)

namespace {

std::string guarded(std::string_view text) {
    return after(text, ir::constant_propagation, ir::range_propagation,
                 ir::bounds_check_elimination, ir::dead_code_elimination);
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_widest_of_a_block_comes_first) {
    BOOST_TEST(guarded("LD8 0\nLD8 40\nADD\nLD8 20\nADD\nRET\n") ==
               "b0:\n  guard_len 41\n  v0 = load8 0\n  v1 = load8 40\n  v2 = add v0, v1\n"
               "  v3 = load8 20\n  v4 = add v2, v3\n  ret v4\n");
}

BOOST_AUTO_TEST_CASE(a_base_has_a_guard_of_its_own) {
    BOOST_TEST(guarded("LD8 0\nDUP\nLDX8 2\nSWAP\nLDX16 6\nADD\nRET\n") ==
               "b0:\n  guard_len 1\n  v0 = load8 0\n  guard_index v0 + 8\n  v1 = loadx8 v0 + 2\n"
               "  v2 = loadx16 v0 + 6\n  v3 = add v1, v2\n  ret v3\n");
}

BOOST_AUTO_TEST_CASE(no_error_moves_before_an_effect) {
    BOOST_TEST(guarded("LD8 0\nPUSH 1\nPUSH 2\nFLOW_STORE\nLD8 40\nADD\nRET\n") ==
               "b0:\n  guard_len 1\n  v0 = load8 0\n  flow_set table 0: 1, 2\n  guard_len 41\n"
               "  v1 = load8 40\n  v2 = add v0, v1\n  ret v2\n");
    BOOST_TEST(guarded("LD8 0\nRAND\nADD\nLD8 40\nADD\nRET\n").find("guard_len 41") !=
               std::string::npos);
    BOOST_TEST(guarded("LD8 0\nRAND\nADD\nLD8 40\nADD\nRET\n").find("guard_len 1\n") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_error_moves_before_another_kind) {
    BOOST_TEST(guarded("LD8 0\nDUP\nNOW\nSWAP\nDIV\nLD8 40\nADD\nADD\nRET\n") ==
               "b0:\n  guard_len 1\n  v0 = load8 0\n  v1 = now\n  guard_nonzero v0\n"
               "  v2 = div v1, v0\n  guard_len 41\n  v3 = load8 40\n  v4 = add v2, v3\n"
               "  v5 = add v0, v4\n  ret v5\n");
}

BOOST_AUTO_TEST_CASE(no_error_moves_before_a_branch) {
    BOOST_TEST(guarded("LD8 0\nPUSH 7\nJEQ out\nLD8 40\nRET\nout: PUSH 1\nRET\n") ==
               "b0:\n  guard_len 1\n  v0 = load8 0\n  branch eq v0, 7 ? b1 : b2\n"
               "b1:\n  ret 1\n"
               "b2:\n  guard_len 41\n  v1 = load8 40\n  ret v1\n");
}

BOOST_AUTO_TEST_CASE(no_error_moves_before_running_out_of_fuel) {
    Module module = assembled("LD8 0\nJMP on\non: LD8 40\nADD\nRET\n");
    module.fuel = 3;
    auto function = ir::lift(verified(module));
    BOOST_REQUIRE(function.has_value());
    ir::optimise(*function);
    BOOST_TEST(body_text(*function) ==
               "b0:\n  fuel 2\n  guard_len 1\n  v0 = load8 0\n  fuel 3\n  guard_len 41\n"
               "  v1 = load8 40\n  v2 = add v0, v1\n  ret v2\n");
}

BOOST_AUTO_TEST_CASE(implied_by_what_dominates) {
    BOOST_TEST(guarded("LD8 40\nPUSH 7\nJEQ out\nLD8 20\nRET\nout: LD8 30\nRET\n") ==
               "b0:\n  guard_len 41\n  v0 = load8 40\n  branch eq v0, 7 ? b1 : b2\n"
               "b1:\n  v1 = load8 30\n  ret v1\n"
               "b2:\n  v2 = load8 20\n  ret v2\n");
    // What one way has tested says nothing behind the merge.
    BOOST_TEST(
        guarded("NOW\nPUSH 7\nJEQ on\nLD8 40\nPOP\non: LD8 20\nRET\n").find("guard_len 21") !=
        std::string::npos);
}

BOOST_AUTO_TEST_CASE(implied_by_a_test_of_the_length) {
    BOOST_TEST(guarded("LEN\nPUSH 34\nJLT short\nLD8 33\nRET\nshort: LD8 33\nRET\n") ==
               "b0:\n  branch_len 34 ? b1 : b2\n"
               "b1:\n  v0 = load8 33\n  ret v0\n"
               "b2:\n  trap BOUNDS\n");
}

BOOST_AUTO_TEST_CASE(branches_that_are_known) {
    // Equal on the way here, so not greater; at most 5, so below 9.
    BOOST_TEST(guarded("NOW\nLEN\nPICK 1\nPICK 1\nJNE no\nJGT no2\nPUSH 1\nRET\n"
                       "no: POP\nPOP\nPUSH 2\nRET\nno2: PUSH 3\nRET\n")
                   .find("branch gt") == std::string::npos);
    BOOST_TEST(guarded("NOW\nDUP\nPUSH 5\nJGT no\nPUSH 9\nJLT yes\nPUSH 3\nRET\n"
                       "no: POP\nPUSH 2\nRET\nyes: PUSH 1\nRET\n")
                   .find("branch lt") == std::string::npos);
    BOOST_TEST(guarded("NOW\nDUP\nPUSH 5\nJGT no\nPUSH 5\nJLT yes\nPUSH 3\nRET\n"
                       "no: POP\nPUSH 2\nRET\nyes: PUSH 1\nRET\n")
                   .find("branch lt") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_divisor_that_was_tested) {
    BOOST_TEST(guarded("NOW\nLEN\nDUP\nPUSH 0\nJEQ no\nDIV\nRET\nno: POP\nPOP\nPUSH 1\nRET\n")
                   .find("guard_nonzero") == std::string::npos);
    BOOST_TEST(guarded("NOW\nLEN\nDUP\nPUSH 1\nJEQ no\nDIV\nRET\nno: POP\nPOP\nPUSH 1\nRET\n")
                   .find("guard_nonzero") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_loop_keeps_the_guard_of_what_changes) {
    const ir::Function function =
        optimised("PUSH 0\nagain: DUP\nLDX8 0\nADD\nDUP\nPUSH 9\nJLT again\nRET\n");
    BOOST_TEST(count(function, ir::Op::guard_index) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
