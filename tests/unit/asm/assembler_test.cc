#include <boost/test/unit_test.hpp>

#include "tests/unit/asm/text.h"

BOOST_AUTO_TEST_SUITE(assembler_test)

using namespace vfm;
using test::code_of;
using test::errors_of;
using test::good;
using test::hint_of;

BOOST_AUTO_TEST_CASE(the_published_program) {
    BOOST_TEST(code_of("PUSH 10\nPUSH 5\nADD\nPUSH 2\nMUL\nRET\n") ==
               "04 0a 00 00 00 00 00 00 00 04 05 00 00 00 00 00 00 00 08 "
               "04 02 00 00 00 00 00 00 00 0a 16");
}

BOOST_AUTO_TEST_CASE(mnemonics_in_any_case_and_comments) {
    BOOST_TEST(code_of("; a comment\n  ld8 23;LD8 24\n\tRet\r\n") == "00 17 00 16");
    BOOST_TEST(code_of("RET") == "16");  // no newline at the end
}

BOOST_AUTO_TEST_CASE(every_mnemonic_assembles) {
    for (const OpInfo& info : all_ops()) {
        const std::string text(info.name);
        const auto& code = good(text + (info.imm == ImmKind::none ? "" : " 1")).module.code;
        BOOST_TEST(code.size() == 1 + imm_size(info.imm), text);
        BOOST_TEST(code[0] == static_cast<uint8_t>(info.op), text);
    }
}

BOOST_AUTO_TEST_CASE(forms_of_numbers) {
    BOOST_TEST(code_of("PUSH32 0x01020304") == "88 04 03 02 01");
    BOOST_TEST(code_of("PUSH8 0b101") == "86 05");
    BOOST_TEST(code_of("PUSH32 10.1.2.3") == "88 03 02 01 0a");
    BOOST_TEST(code_of("PUSH 10.1.2.3") == "04 03 02 01 0a 00 00 00 00");
}

BOOST_AUTO_TEST_CASE(push_is_never_shortened_and_takes_negative_numbers) {
    BOOST_TEST(code_of("PUSH 0") == "04 00 00 00 00 00 00 00 00");
    BOOST_TEST(code_of("PUSH -1") == "04 ff ff ff ff ff ff ff ff");
    BOOST_TEST(code_of("PUSH -9223372036854775808") == "04 00 00 00 00 00 00 00 80");
    BOOST_TEST(code_of("PUSH 18446744073709551615") == "04 ff ff ff ff ff ff ff ff");
    BOOST_TEST(code_of("PUSH -0x10") == "04 f0 ff ff ff ff ff ff ff");
    BOOST_TEST(errors_of("PUSH -9223372036854775809").find("1:6 PUSH takes a number in -92") == 0u);
    BOOST_TEST(errors_of("PUSH 18446744073709551616").find("1:6 PUSH takes a number in -92") == 0u);
}

BOOST_AUTO_TEST_CASE(ret_with_a_number_pushes_it) {
    BOOST_TEST(code_of("RET 7") == "04 07 00 00 00 00 00 00 00 16");
    BOOST_TEST(code_of("RET -1") == "04 ff ff ff ff ff ff ff ff 16");
    BOOST_TEST(errors_of("RET 1 2") == "1:7 RET takes one operand, got '2' more");
}

BOOST_AUTO_TEST_CASE(immediates_must_fit) {
    BOOST_TEST(errors_of("LD8 65536") == "1:5 LD8 takes a number in 0..65535, got '65536'");
    BOOST_TEST(errors_of("PICK 256") == "1:6 PICK takes a number in 0..255, got '256'");
    BOOST_TEST(errors_of("PUSH8 -1") == "1:7 PUSH8 takes a number in 0..255, got '-1'");
    BOOST_TEST(errors_of("PUSH32 4294967296").find("in 0..4294967295") != std::string::npos);
    BOOST_TEST(errors_of("LD8 1.2.3.4") == "1:5 LD8 takes a number in 0..65535, got '1.2.3.4'");
    BOOST_TEST(errors_of("HDR 9") == "none");  // the verifier's business
}

BOOST_AUTO_TEST_CASE(operands) {
    BOOST_TEST(errors_of("LD8") == "1:1 LD8 needs an operand");
    BOOST_TEST(errors_of("ADD 1") == "1:5 ADD takes no operand, got '1' more");
    BOOST_TEST(errors_of("LD8 1 2") == "1:7 LD8 takes one operand, got '2' more");
    BOOST_TEST(errors_of("LD8 1x") == "1:5 LD8 takes a number, got '1x'");
    BOOST_TEST(errors_of("PUSH --1") == "1:6 PUSH takes a number, got '--1'");
    BOOST_TEST(errors_of("PUSH -1.2.3.4") == "1:6 PUSH takes a number, got '-1.2.3.4'");
    BOOST_TEST(errors_of("PUSH \"1\"") == "1:6 PUSH takes a number, got '1'");
    BOOST_TEST(errors_of("a: PUSH a\nRET") == "1:9 PUSH takes a number, got 'a'");
    BOOST_TEST(hint_of("a: PUSH a\nRET") == "only jumps take a label");
}

BOOST_AUTO_TEST_CASE(labels) {
    BOOST_TEST(code_of("JMP end\nend: RET") == "11 00 00 16");
    BOOST_TEST(code_of("a:\nRAND\nJMP a") == "90 11 fc ff");
    BOOST_TEST(code_of("_x.1:JMP _x.1") == "11 fd ff");
    BOOST_TEST(code_of("a: b: JMP b") == "11 fd ff");
    BOOST_TEST(code_of(".loop: JMP .loop") == "11 fd ff");
    BOOST_TEST(code_of("ADD: JMP ADD") == "11 fd ff");
    BOOST_TEST(code_of("A: JMP a\na: RET") == "11 00 00 16");  // case matters
    BOOST_TEST(code_of("JMP end\nend:") == "11 00 00");        // the verifier's business
}

BOOST_AUTO_TEST_CASE(numbers_of_jumps_are_raw_offsets) {
    BOOST_TEST(code_of("JMP -3") == "11 fd ff");
    BOOST_TEST(code_of("JEQ 0x7fff") == "12 ff 7f");
    BOOST_TEST(code_of("JLE -32768") == "1d 00 80");
    BOOST_TEST(errors_of("JMP 32768") == "1:5 JMP takes a number in -32768..32767, got '32768'");
    BOOST_TEST(errors_of("JMP -32769").find("1:5 JMP takes") == 0u);
}

BOOST_AUTO_TEST_CASE(wrong_labels) {
    BOOST_TEST(errors_of("a: RET\nRET\na: RET") == "3:1 label 'a' is already defined in line 1");
    BOOST_TEST(errors_of("JMP accpet\naccept: RET") == "1:5 unknown label 'accpet'");
    BOOST_TEST(hint_of("JMP accpet\naccept: RET") == "did you mean 'accept'?");
    BOOST_TEST(hint_of("JMP elephant\naccept: RET").empty());
    BOOST_TEST(errors_of("accept : RET") == "1:1 unknown mnemonic 'accept'");
    BOOST_TEST(hint_of("accept : RET") == "the colon of a label follows its name at once");
    BOOST_TEST(errors_of("1a: RET") == "1:1 unknown mnemonic '1a:'");
}

BOOST_AUTO_TEST_CASE(labels_too_far_away) {
    std::string pops;
    for (int i = 0; i < 32767; ++i) pops += "POP\n";
    BOOST_TEST(good("JMP a\n" + pops + "a: RET").module.code.size() == 32771u);
    BOOST_TEST(errors_of("JMP a\n" + pops + "POP\na: RET") ==
               "1:5 label 'a' is 32768 bytes away, JMP reaches -32768..32767");
    BOOST_TEST(errors_of("a: " + pops.substr(8) + "JMP a") == "none");
    BOOST_TEST(errors_of("a: " + pops.substr(4) + "JMP a") ==
               "32767:5 label 'a' is -32769 bytes away, JMP reaches -32768..32767");
}

BOOST_AUTO_TEST_CASE(unknown_mnemonics) {
    BOOST_TEST(errors_of("LD65 1") == "1:1 unknown mnemonic 'LD65'");
    BOOST_TEST(hint_of("LD65 1") == "did you mean 'LD64'?");
    BOOST_TEST(hint_of("psuh 1") == "did you mean 'PUSH'?");
    BOOST_TEST(errors_of("x\x01y") == "1:1 unknown mnemonic 'x\\x01y'");
}

BOOST_AUTO_TEST_CASE(all_errors_in_the_order_of_the_text) {
    BOOST_TEST(errors_of("JMP x\nFOO\nLD8\nJMP y") ==
               "1:5 unknown label 'x' | 2:1 unknown mnemonic 'FOO' | 3:1 LD8 needs an operand | "
               "4:5 unknown label 'y'");
}

BOOST_AUTO_TEST_CASE(an_error_has_its_line_and_carets) {
    const auto result = test::assembled("  LD8 65536 ; x\n");
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(render(result.error().diagnostics) ==
               "f.vfm:1:7: error: LD8 takes a number in 0..65535, got '65536'\n"
               "  LD8 65536 ; x\n"
               "      ^^^^^\n");
}

BOOST_AUTO_TEST_CASE(nothing_and_too_much) {
    BOOST_TEST(errors_of("") == "1:1 there is no instruction");
    BOOST_TEST(errors_of("; only this\n") == "2:1 there is no instruction");
    std::string text;
    for (int i = 0; i < 65536; ++i) text += "POP\n";
    BOOST_TEST(good(text).module.code.size() == 65536u);
    BOOST_TEST(errors_of(text + "POP\nPOP\n") == "65537:1 the program is larger than 65536 bytes");
}

BOOST_AUTO_TEST_CASE(the_number_of_errors_is_limited) {
    std::string text;
    for (int i = 0; i < 3000; ++i) text += "FOO\n";
    const auto result = test::assembled(text);
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().diagnostics.size() == kMaxAssemblyErrors + 1);
    BOOST_TEST((result.error().diagnostics.back().severity == Severity::note));
}

BOOST_AUTO_TEST_CASE(places_of_instructions) {
    const Assembly assembly = good("; x\n  LD8 1\na: RET 5\n");
    const std::vector<LineEntry> expected = {{0, {2, 3}}, {3, {3, 4}}};
    BOOST_TEST((assembly.places == expected));
    BOOST_TEST(assembly.module.lines.empty());
}

BOOST_AUTO_TEST_CASE(without_directives_the_output_is_raw) {
    const Assembly assembly = good("RET");
    BOOST_TEST(!assembly.has_directives);
    BOOST_TEST(hex(assembly.bytes()) == "16");
    BOOST_TEST(hex(good(".fuel 5\nRET").bytes()).starts_with("0a 04 56 46 4d 01"));
    BOOST_TEST(hex(good(".module\nRET").bytes()) == "0a 04 56 46 4d 01 12 01 16");
}

BOOST_AUTO_TEST_SUITE_END()
