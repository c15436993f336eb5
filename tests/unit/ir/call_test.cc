// Calls of host functions in the IR: what lifting makes of them, and that neither it nor a pass
// changes what the functions are given.
#include <boost/test/unit_test.hpp>
#include <vector>

#include "tests/harness/ir_eval.h"
#include "tests/unit/ir/ir_test.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(call_test)

namespace {

using Seen = std::vector<uint64_t>;

// Writes down what it is given; gives the number of calls so far.
uint64_t note(void* user, const uint64_t* arguments, unsigned count) {
    auto& seen = *static_cast<Seen*>(user);
    for (unsigned i = 0; i < count; ++i) seen.push_back(arguments[i]);
    return seen.size();
}
uint64_t note0(void* user, const uint64_t* arguments) { return note(user, arguments, 0); }
uint64_t note3(void* user, const uint64_t* arguments) { return note(user, arguments, 3); }

constexpr std::string_view kProgram =
    ".import note3 args=3\n.import note0 args=0\n"
    "PUSH 5\nLD8 0\nLEN\nPUSH 7\nCALL 0\n"  // 5 stays below
    "ADD\nCALL 1\nMUL\nLD8 0\nPUSH 1\nPUSH 2\nCALL 0\nPOP\nRET\n";

}  // namespace

BOOST_AUTO_TEST_CASE(arguments_stand_in_their_order) {
    BOOST_TEST(body_text(optimised(kProgram)) ==
               "b0:\n  guard_len 1\n  v0 = load8 0\n  v1 = len\n"
               "  v2 = call 0(v0, v1, 7)\n"
               "  v3 = add v2, 5\n  v4 = call 1\n  v5 = mul v3, v4\n"
               "  v6 = call 0(v0, 1, 2)\n  ret v5\n");
}

BOOST_AUTO_TEST_CASE(functions_get_what_the_program_gives_them) {
    const Bytes bytes = {9, 8};
    for (const bool improved : {false, true}) {
        Seen seen;
        const std::vector<HostFunction> functions = {{"note3", 3, note3, &seen},
                                                     {"note0", 0, note0, &seen}};
        IrEvaluator evaluator(improved ? optimised(kProgram) : lifted(kProgram), functions);
        const Outcome outcome = evaluator.run({.bytes = bytes});
        BOOST_TEST((outcome == Outcome::of((5 + 3) * 3)));
        BOOST_TEST((seen == Seen{9, 2, 7, 9, 1, 2}));
    }
}

BOOST_AUTO_TEST_CASE(an_error_before_a_call_stays_before_it) {
    // The second load fails behind the call, so the function has seen its argument.
    const Bytes bytes = {9};
    Seen seen;
    IrEvaluator evaluator(optimised(".import note3 args=3\nLD8 0\nPUSH 1\nPUSH 2\nCALL 0\n"
                                    "LD8 1\nADD\nRET\n"),
                          {{"note3", 3, note3, &seen}});
    BOOST_TEST((evaluator.run({.bytes = bytes}) == Outcome::trap(ErrorKind::bounds)));
    BOOST_TEST((seen == Seen{9, 1, 2}));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
