// Sets, rules, counters and keys of several words in the IR: what becomes of the instructions, and
// what no pass may do to a COUNT.
#include <boost/test/unit_test.hpp>

#include "core/ir/native/native_passes.h"
#include "tests/unit/ir/ir_test.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(lookups_test)

namespace {

BOOST_AUTO_TEST_CASE(a_small_set_becomes_one_of_the_function) {
    BOOST_TEST(body_text(lifted(".set s width=32\n.member 7 16/30 5\nLD32 0\nIN 0\nRET\n")) ==
               "b0:\n  guard_len 4\n  v1 = load32 0\n  v2 = in_set v1, {5 7 16 17 18 19}\n"
               "  ret v2\n");
}

BOOST_AUTO_TEST_CASE(one_that_may_change_or_is_large_stays) {
    constexpr std::string_view kText = ".set s width=32 live\n.member 7\nLD32 0\nIN 0\nRET\n";
    constexpr std::string_view kStays =
        "b0:\n  guard_len 4\n  v1 = load32 0\n  v2 = member 0: v1\n  ret v2\n";
    BOOST_TEST(body_text(lifted(kText)) == kStays);
    constexpr std::string_view kLarge = ".set s width=32\n.member 0/8\nLD32 0\nIN 0\nRET\n";
    BOOST_TEST(body_text(lifted(kLarge)) == kStays);
    constexpr std::string_view kTwo = ".set s width=32\n.member 6 7\nLD32 0\nIN 0\nRET\n";
    BOOST_TEST(body_text(lifted(kTwo, {.most_keys = 1})) == kStays);
}

BOOST_AUTO_TEST_CASE(a_set_without_keys_of_one_word_has_no_member) {
    BOOST_TEST(
        body_text(optimised(".set s width=128\n.member 2001:db8::/32\nLD32 0\nIN 0\nRET\n")) ==
        "b0:\n  guard_len 4\n  ret 0\n");
}

BOOST_AUTO_TEST_CASE(operands_stand_as_they_were_pushed) {
    BOOST_TEST(body_text(lifted(".set s width=128\n.rules r keys=32,128\n.counters c\n"
                                ".counter 1 f text\n.table t key=ip,port\n"
                                "LD8 0\nLD8 1\nLD8 2\nPUSH8 3\nMATCH 0\nDUP\nCOUNT 0\nVERDICT 0\n"
                                "LD8 0\nLD8 1\nIN128 0\nADD\n"
                                "LD8 0\nLD8 1\nLD8 2\nPUSH8 9\nFLOW_ADD 0\nADD\nRET\n")) ==
               "b0:\n  guard_len 1\n  v1 = load8 0\n  guard_len 2\n  v3 = load8 1\n"
               "  guard_len 3\n  v5 = load8 2\n  v7 = match 0: v1, v3, v5, 3\n  count 0: v7\n"
               "  v9 = verdict 0: v7\n  guard_len 1\n  v11 = load8 0\n  guard_len 2\n"
               "  v13 = load8 1\n  v14 = member128 0: v11, v13\n  v15 = add v9, v14\n"
               "  guard_len 1\n  v17 = load8 0\n  guard_len 2\n  v19 = load8 1\n  guard_len 3\n"
               "  v21 = load8 2\n  v23 = flow_add table 0: v17:v19:v21, 9\n"
               "  v24 = add v15, v23\n  ret v24\n");
}

BOOST_AUTO_TEST_CASE(verdicts_that_are_counted_apart_stay_apart) {
    // Three keys with one verdict would be one set.
    std::string text =
        ".counters c\n.counter 1 f a\n.counter 2 f b\n.counter 3 f c\n.counter 4 f d\n";
    for (unsigned i = 1; i <= 3; ++i)
        text += "LD32 26\nPUSH8 " + std::to_string(i) + "\nJEQ rule" + std::to_string(i) + "\n";
    text += "PUSH8 0\nCOUNT 0\nPUSH8 1\nRET\n";
    for (unsigned i = 1; i <= 3; ++i)
        text += "rule" + std::to_string(i) + ":\nPUSH8 " + std::to_string(i) +
                "\nCOUNT 0\nPUSH8 1\nRET\n";
    ir::Function function = lifted(text);
    ir::optimise_for_native(function);
    BOOST_TEST(ir::check(function).empty());
    BOOST_TEST(count(function, ir::Op::in_set) == 0u);
    BOOST_TEST(count(function, ir::Op::count) == 4u);
}

BOOST_AUTO_TEST_CASE(what_is_counted_before_an_error_is_counted) {
    // The guard behind the first COUNT asks for more than the one before it, and may not be joined.
    const ir::Function function =
        optimised(".counters c\n.counter 1 f a\nLD8 0\nCOUNT 0\nLD8 9\nCOUNT 0\nPUSH8 1\nRET\n");
    BOOST_TEST(body_text(function) ==
               "b0:\n  guard_len 1\n  v0 = load8 0\n  count 0: v0\n  guard_len 10\n"
               "  v1 = load8 9\n  count 0: v1\n  ret 1\n");
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
