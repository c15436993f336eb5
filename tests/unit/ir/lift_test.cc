#include <boost/test/unit_test.hpp>

#include "tests/unit/ir/ir_test.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(lift_test)

BOOST_AUTO_TEST_CASE(straight_line) {
    const ir::Function function = lifted("LD16 12\nPUSH 0x800\nSUB\nNOT\nRET\n");
    BOOST_TEST(ir::check(function) == "");
    BOOST_TEST(ir::print(function) ==
               "function, fuel 10000\n"
               "b0:\n"
               "  guard_len 14                              ; +0x0\n"
               "  v1 = load16 12\n"
               "  v3 = sub v1, 0x800                        ; +0xc\n"
               "  v4 = not v3                               ; +0xd\n"
               "  ret v4                                    ; +0xe\n");
}

BOOST_AUTO_TEST_CASE(loads_behind_a_base_and_divisions_have_guards) {
    BOOST_TEST(after("LD8 0\nLDX32 7\nLD8 1\nMOD\nRET\n") ==
               "b0:\n"
               "  guard_len 1\n"
               "  v1 = load8 0\n"
               "  guard_index v1 + 11\n"
               "  v3 = loadx32 v1 + 7\n"
               "  guard_len 2\n"
               "  v5 = load8 1\n"
               "  guard_nonzero v5\n"
               "  v7 = mod v3, v5\n"
               "  ret v7\n");
}

BOOST_AUTO_TEST_CASE(stack_operations_leave_no_trace) {
    BOOST_TEST(after("LD8 0\nLD8 1\nLD8 2\nPICK 2\nSWAP\nPOP\nDUP\nSUB\nADD\nSUB\nRET\n") ==
               "b0:\n"
               "  guard_len 1\n"
               "  v1 = load8 0\n"
               "  guard_len 2\n"
               "  v3 = load8 1\n"
               "  guard_len 3\n"
               "  v5 = load8 2\n"
               "  v6 = sub v1, v1\n"
               "  v7 = add v3, v6\n"
               "  v8 = sub v1, v7\n"
               "  ret v8\n");
}

BOOST_AUTO_TEST_CASE(parameters_only_where_ways_differ) {
    // Three slots meet: the lowest is the same on both ways, the middle one differs, the top is the
    // same value that both ways inherited.
    BOOST_TEST(after("LEN\nNOW\nPUSH 1\nPUSH 2\nLD8 0\nJEQ left\n"
                     "POP\nPUSH 7\nJMP join\n"
                     "left: POP\nPUSH 8\n"
                     "join: ADD\nADD\nRET\n") ==
               "b0:\n"
               "  v0 = len\n"
               "  v1 = now\n"
               "  guard_len 1\n"
               "  v5 = load8 0\n"
               "  branch eq 2, v5 ? b1 : b2\n"
               "b1:\n"
               "  jump b3(8)\n"
               "b2:\n"
               "  jump b3(7)\n"
               "b3(v8):\n"
               "  v9 = add v1, v8\n"
               "  v10 = add v0, v9\n"
               "  ret v10\n");
}

BOOST_AUTO_TEST_CASE(paths_that_meet_with_different_depths) {
    // `accept` is reached with no value and with one: two blocks of the IR.
    const ir::Function function = lifted(
        "LEN\nDUP\nPUSH 80\nJEQ accept\nPUSH 60\nJEQ accept\n"
        "PUSH 0\nRET\naccept: PUSH 1\nRET\n");
    BOOST_TEST(ir::check(function) == "");
    BOOST_TEST(function.blocks.size() == 5u);
}

BOOST_AUTO_TEST_CASE(loops_change_only_what_they_touch) {
    // The time below the counter goes through the loop without a parameter.
    BOOST_TEST(after("NOW\nPUSH 5\nagain: PUSH 1\nSUB\nDUP\nPUSH 0\nJNE again\nADD\nRET\n") ==
               "b0:\n"
               "  fuel 2\n"
               "  v1 = now\n"
               "  jump b1(5)\n"
               "b1(v3):\n"
               "  fuel 5\n"
               "  v6 = sub v3, 1\n"
               "  branch ne v6, 0 ? b1(v6) : b2\n"
               "b2:\n"
               "  fuel 2\n"
               "  v9 = add v1, v6\n"
               "  ret v9\n");
}

BOOST_AUTO_TEST_CASE(a_jump_to_the_beginning_gets_an_entry) {
    BOOST_TEST(after("LD8 0\nLD8 1\nJNE -9\nPUSH 1\nRET\n") ==
               "b0:\n"
               "  jump b1\n"
               "b1:\n"
               "  fuel 3\n"
               "  guard_len 1\n"
               "  v2 = load8 0\n"
               "  guard_len 2\n"
               "  v4 = load8 1\n"
               "  branch ne v2, v4 ? b1 : b2\n"
               "b2:\n"
               "  fuel 2\n"
               "  ret 1\n");
}

BOOST_AUTO_TEST_CASE(a_loop_with_two_entries) {
    const ir::Function function = lifted(
        "NOW\nLEN\nLD8 0\nLD8 1\nJEQ second\n"
        "first: NOT\nLD8 2\nLD8 3\nJLT out\n"
        "second: NEG\nLD8 4\nLD8 5\nJLT first\n"
        "out: ADD\nRET\n");
    BOOST_TEST(ir::check(function) == "");
}

BOOST_AUTO_TEST_CASE(fuel_is_counted_only_where_it_can_run_out) {
    const std::string_view text = "PUSH 1\nPUSH 2\nJEQ end\nend: PUSH 1\nRET\n";
    BOOST_TEST(count(lifted(text), ir::Op::fuel) == 0u);
    Module module = assembled(text);
    module.fuel = 4;
    const auto function = ir::lift(verified(module));
    BOOST_REQUIRE(function.has_value());
    BOOST_TEST(function->fuel == 4u);
    BOOST_TEST(body_text(*function) ==
               "b0:\n"
               "  fuel 3\n"
               "  branch eq 1, 2 ? b1 : b1\n"
               "b1:\n"
               "  fuel 2\n"
               "  ret 1\n");
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
