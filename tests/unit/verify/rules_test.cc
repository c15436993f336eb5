// Each rule of verification and the order in which they decide.
#include <fmt/core.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/verify/program.h"

BOOST_AUTO_TEST_SUITE(rules_test)

using namespace vfm;
using test::program;
using test::raw;

namespace {

void rejected(Module module, ErrorKind kind, uint32_t offset, std::string_view reason) {
    const auto result = verify(std::move(module));
    BOOST_REQUIRE(!result.has_value());
    const Rejection& rejection = result.error();
    BOOST_TEST(error_name(rejection.kind) == error_name(kind), rejection.reason);
    BOOST_TEST(rejection.offset == offset, rejection.reason);
    BOOST_TEST(rejection.reason.find(reason) != std::string::npos, rejection.reason);
}

void accepted(Module module) {
    const auto result = verify(std::move(module));
    BOOST_TEST(result.has_value(), (result ? "" : result.error().reason));
}

std::string repeated(std::string_view text, size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += text;
    return out;
}

constexpr auto kInvalidProgram = ErrorKind::invalid_program;
constexpr auto kInvalidOpcode = ErrorKind::invalid_opcode;
constexpr auto kUnderflow = ErrorKind::stack_underflow;
constexpr auto kOverflow = ErrorKind::stack_overflow;
constexpr auto kFailed = ErrorKind::verification_failed;

}  // namespace

BOOST_AUTO_TEST_CASE(size) {
    rejected(raw({}), kInvalidProgram, 0, "empty");
    rejected(raw(Bytes(65537, 23)), kInvalidProgram, 0, "65537");
    accepted(program("PUSH 1\nRET"));
}

BOOST_AUTO_TEST_CASE(decoding_stops_at_the_first_bad_byte) {
    rejected(raw({5, 24, 255}), kInvalidOpcode, 1, "0x18 is no opcode");
    rejected(raw({22, 4, 0, 0}), kInvalidProgram, 1,
             "PUSH needs 8 bytes after it, the program has 2");
    rejected(raw({22, 17}), kInvalidProgram, 1, "JMP");
    // It decodes before anything else is looked at: the jump at 0 goes nowhere.
    rejected(raw({17, 0, 64, 99}), kInvalidOpcode, 3, "");
}

BOOST_AUTO_TEST_CASE(jumps_land_on_instructions) {
    rejected(program("JMP 1\nPUSH 1\nRET"), kFailed, 0, "lands at +0x4, inside PUSH at +0x3");
    rejected(program("JMP -4\nPUSH 1\nRET"), kFailed, 0, "leaves the program");
    rejected(program("PUSH8 1\nRET\nJMP 0"), kFailed, 3, "leaves the program");  // to its end
    rejected(program("JMP -2\nRET"), kFailed, 0, "inside JMP at +0x0");
    accepted(program("JMP 0\nPUSH 1\nRET"));
}

BOOST_AUTO_TEST_CASE(the_program_has_an_end) {
    rejected(program("PUSH 1"), kFailed, 0, "ends with PUSH");
    rejected(program("PUSH8 1\nPUSH8 1\nJEQ -3"), kFailed, 4, "");
    rejected(program("PUSH8 1\nRET\nPOP"), kFailed, 3, "ends with POP");
    accepted(program("a: JMP b\nb: PUSH 1\nRET"));
    accepted(program("JMP b\na: PUSH 1\nRET\nb: JMP a"));
}

BOOST_AUTO_TEST_CASE(names_exist) {
    rejected(program("PUSH8 1\nHDR 9\nRET"), kFailed, 2, "HDR names header fact 9, there are 9");
    accepted(program("HDR 8\nRET"));
    rejected(program("PUSH 1\nFLOW_GET 1\nRET"), kFailed, 9, "FLOW_GET names table 1, there are 1");
    accepted(program("PUSH 1\nFLOW_GET 0\nRET"));
    accepted(program(".table a\n.table b\nPUSH 1\nFLOW_GET 1\nRET"));
    accepted(program(".table a\nPUSH 1\nFLOW_LOAD\nRET"));
    rejected(program("PUSH 1\nIN 0\nRET"), kFailed, 9, "set 0");
    accepted(program(".set s\nPUSH 1\nIN 0\nRET"));
    accepted(program(".set s width=128\nPUSH 1\nPUSH 1\nIN128 0\nRET"));
    rejected(program("CALL 0\nRET"), kFailed, 0, "import 0");
    accepted(program(".import f args=2\nPUSH 1\nPUSH 2\nCALL 0\nRET"));
    rejected(program("PUSH 1\nPUSH 1\nMATCH 0\nRET"), kFailed, 18, "rule table 0");
    accepted(program(".rules r keys=32\nPUSH 1\nPUSH 1\nMATCH 0\nRET"));
    rejected(program("PUSH 1\nVERDICT 0\nRET"), kFailed, 9, "rule table 0");
    accepted(program(".rules r keys=32\nPUSH 1\nVERDICT 0\nRET"));
    rejected(program(".counters c\n.counter 1 f t\nPUSH 1\nCOUNT 1\nRET 0"), kFailed, 9,
             "COUNT names counter group 1, there are 1");
    accepted(program(".counters c\n.counter 1 f t\nPUSH 1\nCOUNT 0\nRET 0"));
}

BOOST_AUTO_TEST_CASE(declarations_make_sense) {
    Module module = program(".table a\nPUSH8 1\nRET");
    module.tables[0].capacity = 0;
    rejected(module, kFailed, 0, "capacity");
    // All rules come after it.
    module.code = {24};
    rejected(module, kFailed, 0, "capacity");
    module.code = {};
    rejected(module, kFailed, 0, "capacity");
    module.code = program("PUSH 1\nFLOW_GET 7\nRET").code;
    rejected(module, kFailed, 0, "capacity");
}

BOOST_AUTO_TEST_CASE(a_run_is_bounded_whatever_a_module_says) {
    const auto fuel = [](const std::string& text) { return verify(program(text))->fuel(); };
    BOOST_TEST(fuel("RET 1") == 10000u);
    BOOST_TEST(fuel(".fuel 0\nRET 1") == 0u);
    BOOST_TEST(fuel(".fuel 4294967296\nRET 1") == uint64_t{1} << 32);
    BOOST_TEST(fuel(".fuel 4294967297\nRET 1") == uint64_t{1} << 32);
    BOOST_TEST(fuel(".fuel 18446744073709551615\nRET 1") == uint64_t{1} << 32);
}

BOOST_AUTO_TEST_CASE(keys_of_several_words) {
    const std::string table = ".table t key=ip,port\n";
    accepted(program(table + "PUSH 1\nPUSH 2\nPUSH 3\nFLOW_LOAD\nRET"));
    rejected(program(table + "PUSH 1\nPUSH 2\nFLOW_LOAD\nRET"), kUnderflow, 18,
             "FLOW_LOAD needs 3 values, has 2");
    rejected(program(table + "PUSH 1\nPUSH 2\nPUSH 3\nFLOW_ADD 0\nRET"), kUnderflow, 27,
             "FLOW_ADD needs 4 values, has 3");
}

BOOST_AUTO_TEST_CASE(underflow) {
    rejected(program("RET"), kUnderflow, 0, "RET needs 1 value, has 0");
    rejected(program("PUSH 1\nJGT 0\nPUSH 1\nRET"), kUnderflow, 9, "JGT needs 2 values, has 1");
    rejected(program("PUSH 1\nPICK 1\nRET"), kUnderflow, 9, "PICK needs 2 values, has 1");
    accepted(program("PUSH 1\nPICK 0\nRET"));
    rejected(program("PUSH 1\nSWAP\nRET"), kUnderflow, 9, "SWAP needs 2 values, has 1");
    rejected(program(".import f args=2\nPUSH 1\nCALL 0\nRET"), kUnderflow, 9, "CALL needs 2");
    rejected(program(".rules r keys=128\nPUSH 1\nPUSH 1\nMATCH 0\nRET"), kUnderflow, 18,
             "MATCH needs 3");
}

BOOST_AUTO_TEST_CASE(overflow) {
    accepted(program(repeated("PUSH8 1\n", 256) + "RET"));
    rejected(program(repeated("PUSH8 1\n", 257) + "RET"), kOverflow, 512,
             "PUSH8 on a stack of 256 values goes above 256");
    accepted(program(repeated("PUSH8 1\n", 256) + "SWAP\nADD\nRET"));
    rejected(program(repeated("PUSH8 1\n", 256) + "DUP\nRET"), kOverflow, 512, "DUP");
    rejected(program("a: PUSH8 1\nJMP a"), kOverflow, 0, "PUSH8");  // a loop that grows
}

BOOST_AUTO_TEST_CASE(the_lowest_breach_of_rule_3_decides) {
    // The branch that falls through breaks at 16, the one taken at 22.
    rejected(program("PUSH8 1\nPUSH8 1\nJEQ a\nPOP\nRET\na: POP\nRET"), kUnderflow, 7, "POP");
    rejected(program("JMP b\na: POP\nRET\nb: POP\nJMP a"), kUnderflow, 5, "POP needs 1 value");
}

BOOST_AUTO_TEST_CASE(underflow_goes_before_overflow_at_one_offset) {
    // `x` is reached with no value and with 256: POP would do for the second, PICK 255 for neither.
    const std::string text = "RAND\nRAND\nJEQ x\n" + repeated("RAND\n", 256) + "x: DUP\nRET";
    rejected(program(text), kUnderflow, 261, "DUP needs 1 value, has 0");
}

BOOST_AUTO_TEST_CASE(paths_may_meet_at_different_depths) {
    accepted(
        program("LD16 36\nDUP\nPUSH 80\nJEQ accept\nPUSH 443\nJEQ accept\nRET 0\n"
                "accept: RET 1"));
}

BOOST_AUTO_TEST_CASE(states_are_counted) {
    // Two depths meet before the tail: 4 states, then 2 an instruction.
    const std::string fork = "RAND\nRAND\nJEQ a\nRAND\na: ";
    const std::string tail = repeated("RAND\nPOP\n", 16382) + "RAND\nRET";
    accepted(program(fork + tail));                                          // 65,536
    rejected(program("JMP 0\n" + fork + tail), kFailed, 0, "65536 states");  // 65,537
    accepted(program(repeated("RAND\nPOP\n", 32767) + "RAND\nRET"));  // 65,536 bytes, one each
}

BOOST_AUTO_TEST_CASE(too_many_states_go_before_what_rule_3_finds) {
    std::string text = "POP\n";
    for (int i = 0; i < 250; ++i)
        text += fmt::format("RAND\nRAND\nJEQ l{}\nRAND\nl{}: RAND\nPOP\n", i, i);
    text += "RAND\nRET";
    rejected(program(text), kUnderflow, 0, "POP");  // the path ends at once: one state
    rejected(program(text.substr(4)), kFailed, 0, "65536 states");
    // Somewhere in the same program a path underflows.
    rejected(program("RAND\nRAND\nJEQ u\n" + text.substr(4) + "\nu: POP\nRET"), kFailed, 0,
             "65536 states");
}

BOOST_AUTO_TEST_CASE(everything_is_reachable) {
    rejected(program("PUSH 1\nRET\nPUSH 2\nRET"), kFailed, 10, "PUSH can never be reached");
    rejected(program("JMP a\nPOP\na: PUSH 1\nRET"), kFailed, 3, "POP can never be reached");
    // Constant conditions count as possible both ways.
    accepted(program("PUSH 1\nPUSH 1\nJEQ a\nRET 0\na: RET 1"));
}

BOOST_AUTO_TEST_CASE(from_everywhere_a_ret_can_be_reached) {
    rejected(program("a: JMP a"), kFailed, 0, "no RET can be reached from JMP");
    rejected(program("RAND\nRAND\nJEQ a\nRET 1\na: JMP a"), kFailed, 15, "no RET");
    accepted(program("a: RAND\nRAND\nJEQ a\nRET 1"));
}

BOOST_AUTO_TEST_CASE(rules_decide_in_their_order) {
    // Unreachable code (4) after an underflow (3) with a missing table (2) and a wild jump (1).
    const std::string unreachable = "\nPUSH 2\nRET";
    rejected(program("POP\nPUSH 1\nRET" + unreachable), kUnderflow, 0, "");
    rejected(program("POP\nFLOW_GET 9\nRET" + unreachable), kFailed, 1, "table 9");
    rejected(program("POP\nFLOW_GET 9\nJMP 1" + unreachable), kFailed, 3, "lands at");
}

BOOST_AUTO_TEST_CASE(rejections_as_diagnostics) {
    const auto result = verify_named(program("PUSH 1\nJGT 0\nRET"), "f.bin");
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().status == Status::rejected));
    BOOST_TEST(render(result.error().diagnostics) ==
               "f.bin:+0x9: error: STACK_UNDERFLOW: JGT needs 2 values, has 1\n");
    BOOST_TEST(result.error().diagnostics[0].mnemonic == "JGT");
}

BOOST_AUTO_TEST_SUITE_END()
