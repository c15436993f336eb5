// Passes that look at what values are: global_value_numbering, range_propagation and
// instruction_combining.
#include <boost/test/unit_test.hpp>

#include "tests/unit/ir/ir_test.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(values_test)

namespace {

std::string numbered(std::string_view text) {
    return after(text, ir::constant_propagation, ir::copy_propagation, ir::global_value_numbering,
                 ir::bounds_check_elimination, ir::dead_code_elimination);
}

std::string ranged(std::string_view text) {
    return after(text, ir::constant_propagation, ir::copy_propagation, ir::range_propagation,
                 ir::constant_propagation, ir::bounds_check_elimination, ir::dead_code_elimination,
                 ir::simplify_cfg);
}

// Tests x, what NOW gives, on the way to `body`, which finds it as its only value.
std::string behind(const std::string& test, const std::string& body) {
    return ranged("NOW\nDUP\n" + test + " in\nPOP\nPUSH 99\nRET\nin: " + body + "RET\n");
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(global_value_numbering)

BOOST_AUTO_TEST_CASE(operations_in_either_order_of_their_operands) {
    BOOST_TEST(numbered("LEN\nNOW\nADD\nNOW\nLEN\nADD\nXOR\nNOW\nLEN\nGT\nLEN\nNOW\nLT\nSUB\n"
                        "ADD\nRET\n") ==
               "b0:\n  v0 = len\n  v1 = now\n  v2 = add v0, v1\n  v3 = xor v2, v2\n"
               "  v4 = gt v1, v0\n  v5 = sub v4, v4\n  v6 = add v3, v5\n  ret v6\n");
    // Not those for which the order matters.
    BOOST_TEST(has(numbered("LEN\nNOW\nSUB\nNOW\nLEN\nSUB\nXOR\nRET\n"), "xor v2, v3"));
}

BOOST_AUTO_TEST_CASE(loads_of_the_same_bytes_only) {
    BOOST_TEST(numbered("LD16 12\nLD16 12\nADD\nLD8 12\nADD\nLD16 13\nADD\nRET\n") ==
               "b0:\n  guard_len 15\n  v0 = load16 12\n  v1 = add v0, v0\n  v2 = load8 12\n"
               "  v3 = add v1, v2\n  v4 = load16 13\n  v5 = add v3, v4\n  ret v5\n");
}

BOOST_AUTO_TEST_CASE(loads_behind_bases_that_are_found_equal) {
    BOOST_TEST(numbered("LD8 0\nLDX8 2\nLD8 0\nLDX8 2\nADD\nRET\n") ==
               "b0:\n  guard_len 1\n  v0 = load8 0\n  guard_index v0 + 3\n"
               "  v1 = loadx8 v0 + 2\n  v2 = add v1, v1\n  ret v2\n");
}

BOOST_AUTO_TEST_CASE(what_one_way_has_made_is_not_there_on_another) {
    const std::string text =
        numbered("NOW\nPUSH 7\nJGT a\nLD8 1\nRET\na: LD8 1\nPUSH 2\nADD\nRET\n");
    BOOST_TEST(has(text, "v1 = load8 1"));
    BOOST_TEST(has(text, "v3 = load8 1"));
}

BOOST_AUTO_TEST_CASE(what_effects_change_is_read_again) {
    const std::string text = numbered(
        "PUSH 1\nFLOW_LOAD\nPUSH 1\nFLOW_LOAD\nADD\nRAND\nADD\n"
        "RAND\nADD\nRET\n");
    BOOST_TEST(has(text, "v1 = flow_get"));
    BOOST_TEST(has(text, "v5 = rand"));
}

BOOST_AUTO_TEST_CASE(arguments_that_become_equal) {
    // Both ways load the same before they part, so the merge needs no parameter.
    BOOST_TEST(body_text(optimised("LD8 0\nNOW\nPUSH 7\nJGT a\nPUSH 1\nPUSH 2\nFLOW_STORE\nLD8 0\n"
                                   "JMP on\na: LD8 0\non: ADD\nRET\n")) ==
               "b0:\n  guard_len 1\n  v0 = load8 0\n  v1 = now\n  branch gt v1, 7 ? b2 : b1\n"
               "b1:\n  flow_set table 0: 1, 2\n  jump b2\n"
               "b2:\n  v2 = add v0, v0\n  ret v2\n");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(range_propagation)

BOOST_AUTO_TEST_CASE(comparisons_that_a_branch_decides) {
    struct Case {
        const char* test;
        const char* asked;
        const char* answer;
    };
    const Case cases[] = {
        {"PUSH 10\nJLT", "PUSH 10\nLT\n", "ret 1"},
        {"PUSH 10\nJLT", "PUSH 9\nGT\n", "ret 0"},
        {"PUSH 10\nJLE", "PUSH 11\nNE\n", "ret 1"},
        {"PUSH 10\nJGT", "PUSH 10\nLE\n", "ret 0"},
        {"PUSH 10\nJGE", "PUSH 9\nEQ\n", "ret 0"},
        {"PUSH 10\nJEQ", "PUSH 10\nEQ\n", "ret 1"},
        {"PUSH 10\nJNE", "PUSH 10\nEQ\n", "ret 0"},
        {"PUSH 0\nJNE", "PUSH 1\nGE\n", "ret 1"},
        {"LEN\nJLT", "LEN\nJLT x\nPUSH 0\nRET\nx: PUSH 1\n", "ret 1"},
        {"LEN\nJLT", "PUSH 65535\nLT\n", "ret 1"},
    };
    for (const auto& [test, asked, answer] : cases)
        BOOST_TEST(has(behind(test, asked), answer), test << ' ' << asked);
    // One more or less is open.
    const Case open[] = {
        {"PUSH 10\nJLT", "PUSH 9\nLT\n", "lt"},
        {"PUSH 10\nJGT", "PUSH 11\nEQ\n", "eq"},
        {"PUSH 10\nJNE", "PUSH 11\nEQ\n", "eq"},
        {"LEN\nJLE", "LEN\nEQ\n", "eq"},
    };
    for (const auto& [test, asked, operation] : open)
        BOOST_TEST(has(behind(test, asked), std::string(" = ") + operation), test << ' ' << asked);
}

BOOST_AUTO_TEST_CASE(what_is_computed_from_a_range_has_one) {
    BOOST_TEST(has(behind("PUSH 10\nJLT", "PUSH 5\nADD\nPUSH 15\nLT\n"), "ret 1"));
    BOOST_TEST(has(behind("PUSH 10\nJGE", "PUSH 10\nSUB\nPUSH 0xfffffffffffffff5\nLE\n"), "ret 1"));
    BOOST_TEST(has(behind("PUSH 16\nJLT", "PUSH 4\nSHR\n"), "ret 0"));
    BOOST_TEST(has(behind("PUSH 16\nJGE", "PUSH 4\nSHR\nPUSH 0\nNE\n"), "ret 1"));
    BOOST_TEST(has(behind("PUSH 16\nJLT", "PUSH 100\nOR\nPUSH 100\nGE\n"), "ret 1"));
    BOOST_TEST(has(behind("PUSH 6\nJEQ", "PUSH 7\nMUL\n"), "ret 42"));
    // A sum that may wrap says nothing.
    BOOST_TEST(has(behind("PUSH 10\nJGE", "PUSH 5\nADD\nPUSH 15\nGE\n"), " = ge"));
    BOOST_TEST(has(behind("PUSH 10\nJLT", "PUSH 5\nSUB\nPUSH 5\nLT\n"), " = lt"));
}

BOOST_AUTO_TEST_CASE(idle_operations) {
    for (const char* const operation : {"PUSH 0xff\nAND\n", "PUSH 256\nMOD\n"}) {
        const std::string text = behind("PUSH 256\nJLT", operation);
        BOOST_TEST(!has(text, "and"), operation);
        BOOST_TEST(!has(text, "mod"), operation);
    }
    BOOST_TEST(has(behind("PUSH 257\nJLT", "PUSH 0xff\nAND\n"), "and"));
}

BOOST_AUTO_TEST_CASE(nothing_is_known_behind_a_merge) {
    BOOST_TEST(has(ranged("NOW\nDUP\nPUSH 7\nJEQ a\nLEN\nPOP\na: PUSH 7\nEQ\nRET\n"), " = eq"));
}

BOOST_AUTO_TEST_CASE(a_base_that_is_a_number_keeps_its_proof) {
    // The guard of the base stands before the branch that says what it is.
    const ir::Function function =
        optimised("LD8 0\nDUP\nLDX8 0\nPOP\nDUP\nPUSH 14\nJEQ a\nRET\na: LDX8 0\nRET\n");
    BOOST_TEST(ir::check(function) == "");
    BOOST_TEST(count(function, ir::Op::guard_index) == 1u);
}

BOOST_AUTO_TEST_CASE(a_divisor_that_is_zero_here) {
    BOOST_TEST(has(behind("PUSH 0\nJEQ", "PUSH 9\nSWAP\nDIV\n"), "trap DIVISION_BY_ZERO"));
    BOOST_TEST(!has(behind("PUSH 5\nJGT", "PUSH 9\nSWAP\nDIV\n"), "guard_nonzero"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(instruction_combining)

namespace {

std::string combined(std::string_view text) {
    return after(text, ir::constant_propagation, ir::copy_propagation, ir::instruction_combining,
                 ir::dead_code_elimination);
}

}  // namespace

BOOST_AUTO_TEST_CASE(masks_of_bits_that_nobody_wants) {
    // What is shifted out, what a second mask takes away, through sums and both ways of a merge.
    BOOST_TEST(!has(combined("NOW\nPUSH 0xfff\nAND\nPUSH 56\nSHL\nRET\n"), "and"));
    BOOST_TEST(!has(combined("NOW\nPUSH 0xff00\nOR\nPUSH 0xff\nAND\nRET\n"), "or"));
    BOOST_TEST(!has(combined("NOW\nPUSH 0xff00\nXOR\nPUSH 16\nSHR\nRET\n"), "xor"));
    const std::string sum =
        combined("NOW\nPUSH 0xffff\nAND\nLEN\nSUB\nNOT\nPUSH 3\nMUL\nPUSH 0xff\nAND\nRET\n");
    BOOST_TEST(has(sum, "and"));
    BOOST_TEST(!has(sum, "65535"));
    BOOST_TEST(!has(sum, "0xffff"));
    const std::string merge = combined(
        "NOW\nPUSH 0xffff\nAND\nLEN\nPUSH 99\nJGT on\nPUSH 1\nADD\n"
        "on: PUSH 0xff\nAND\nRET\n");
    BOOST_TEST(!has(merge, "0xffff"));
    BOOST_TEST(!has(merge, "65535"));
}

BOOST_AUTO_TEST_CASE(masks_that_somebody_wants) {
    BOOST_TEST(has(combined("NOW\nPUSH 0xfff\nAND\nPUSH 51\nSHL\nRET\n"), "and"));
    BOOST_TEST(has(combined("NOW\nPUSH 0xff\nOR\nPUSH 7\nSHR\nRET\n"), "or"));
    // Downwards a product or a sum carries nothing, a quotient or a comparison does.
    BOOST_TEST(has(combined("NOW\nPUSH 0xff\nAND\nPUSH 3\nDIV\nPUSH 0xff\nAND\nRET\n"), "div"));
    BOOST_TEST(has(combined("NOW\nPUSH 0xff\nAND\nLEN\nGT\nRET\n"), "and"));
    BOOST_TEST(
        has(combined("NOW\nDUP\nPUSH 0xff\nAND\nPUSH 60\nSHL\nSWAP\nPUSH 0xff\nAND\nADD\nRET\n"),
            "and"));
}

BOOST_AUTO_TEST_CASE(products_that_are_divided) {
    const std::string small = "NOW\nPUSH 20\nSHR\n";
    BOOST_TEST(has(combined(small + "PUSH 50\nMUL\nPUSH 1000\nDIV\nRET\n"), "div v1, 20"));
    BOOST_TEST(!has(combined(small + "PUSH 50\nMUL\nPUSH 1000\nDIV\nRET\n"), "mul"));
    BOOST_TEST(has(combined(small + "PUSH 1000\nMUL\nPUSH 50\nDIV\nRET\n"), "mul v1, 20"));
    BOOST_TEST(!has(combined(small + "PUSH 1000\nMUL\nPUSH 50\nDIV\nRET\n"), "div"));
    // Neither is a multiple of the other, or the product may wrap.
    BOOST_TEST(has(combined(small + "PUSH 6\nMUL\nPUSH 4\nDIV\nRET\n"), "mul"));
    BOOST_TEST(has(combined("NOW\nPUSH 50\nMUL\nPUSH 1000\nDIV\nRET\n"), "mul"));
    BOOST_TEST(
        has(combined("NOW\nPUSH 20\nSHR\nPUSH 0x1000000\nMUL\nPUSH 0x1000\nDIV\nRET\n"), "div"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
