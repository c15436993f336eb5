#include "core/asm/disassembler.h"

#include <boost/test/unit_test.hpp>
#include <random>

#include "core/asm/dot.h"
#include "core/module/module_file.h"
#include "tests/unit/asm/text.h"
#include "tests/unit/module/sample.h"

BOOST_AUTO_TEST_SUITE(disassembler_test)

using namespace vfm;
using test::good;

namespace {

std::string plain(Bytes code) {
    Module module;
    module.code = std::move(code);
    return disassemble(module);
}

}  // namespace

BOOST_AUTO_TEST_CASE(targets_become_labels) {
    const std::string text =
        "    LD16 12\n"
        "    PUSH 2048\n"
        "    JEQ L_19\n"
        "    PUSH 0\n"
        "    RET\n"
        "L_19:\n"
        "    PUSH 0xffffffffffffffff\n"
        "    RET\n";
    BOOST_TEST(disassemble(good("LD16 12\nPUSH 2048\nJEQ a\nRET 0\na: RET -1").module) == text);
}

BOOST_AUTO_TEST_CASE(wild_jumps_stay_numbers) {
    BOOST_TEST(plain({17, 0, 128}) == "    JMP -32768\n");
    BOOST_TEST(plain({17, 0xfe, 0xff}) == "    JMP -2\n");
    BOOST_TEST(plain({17, 0, 0}) == "    JMP 0\n");  // to the end of the code
}

BOOST_AUTO_TEST_CASE(offsets_bytes_and_source) {
    Module module = good("LD8 23\nRET").module;
    BOOST_TEST(disassemble(module, {.offsets = true}) ==
               "    +0x0    LD8 23\n"
               "    +0x3    RET\n");
    BOOST_TEST(disassemble(module, {.hex = true}) ==
               "    00 17 00                   LD8 23\n"
               "    16                         RET\n");
    module.source_text = "(+ proto\n   1)\n";
    module.lines = {{0, {1, 4}}, {3, {1, 1}}};
    BOOST_TEST(disassemble(module, {.source = true}) ==
               "; 1: (+ proto\n"
               "    LD8 23\n"
               "    RET\n");
    module.included = {{"in.vfl", "x\ny\n"}};
    module.lines[1] = {3, {2, 1}, 1};
    BOOST_TEST(disassemble(module, {.source = true}) ==
               "; 1: (+ proto\n"
               "    LD8 23\n"
               "; in.vfl:2: y\n"
               "    RET\n");
}

BOOST_AUTO_TEST_CASE(bytes_that_do_not_decode_are_comments) {
    BOOST_TEST(plain({22, 24, 1}) ==
               "    RET\n"
               "; +0x1: INVALID_OPCODE: byte 0x18 is no opcode\n"
               "; +0x1: 18 01\n");
    BOOST_TEST(plain({22, 4}).find("; +0x1: INVALID_PROGRAM: PUSH needs 8 bytes") !=
               std::string::npos);
    BOOST_TEST(plain({}).empty());
}

BOOST_AUTO_TEST_CASE(modules_there_and_back) {
    Module module = test::sample_module();
    // What expressions are in the code is not said in assembly.
    module.map = {};
    module.rule_tests.clear();
    const std::string text = disassemble(module);
    const Assembly again = good(text);
    BOOST_TEST((again.module == module), text);
    BOOST_TEST(again.bytes() == module_bytes(module));
    // An entry of the line map inside an instruction.
    module.lines = {{1, {2, 1}}, {2, {2, 2}}};
    BOOST_TEST((good(disassemble(module)).module == module));
}

BOOST_AUTO_TEST_CASE(a_module_without_declarations_stays_one) {
    Module module;
    module.code = {22};
    BOOST_TEST(disassemble(module, {.as_module = true}) == ".module\n    RET\n");
    module.fuel = 1;
    BOOST_TEST(disassemble(module, {.as_module = true}) == ".fuel 1\n    RET\n");
    module.fuel.reset();
    module.source_text = "x";
    BOOST_TEST(good(disassemble(module, {.as_module = true})).bytes() == module_bytes(module));
}

BOOST_AUTO_TEST_CASE(any_bytes_that_decode_there_and_back) {
    std::mt19937 random(7);
    const auto ops = all_ops();
    for (int round = 0; round < 500; ++round) {
        Bytes code;
        for (size_t count = 1 + random() % 200; count > 0; --count) {
            const OpInfo& info = ops[random() % ops.size()];
            uint64_t imm = random() % 4 ? random() % 64 : random() << 32 | random();
            if (info.imm == ImmKind::jump && random() % 2) imm = 0 - imm;
            encode(code, info.op, imm);
        }
        BOOST_REQUIRE_MESSAGE(good(plain(code)).bytes() == code, hex(code));
    }
}

BOOST_AUTO_TEST_CASE(a_drawing_has_a_node_a_block) {
    const auto program = verify(good("RAND\nRAND\nJEQ a\nRET 0\na: RET 1").module);
    BOOST_REQUIRE(program.has_value());
    const std::string dot = control_flow_dot(*program);
    BOOST_TEST(dot.starts_with("digraph program {\n"));
    BOOST_TEST(dot.find("b0 [label=\"+0x0  RAND\\l+0x1  RAND\\l+0x2  JEQ +0xf\\l\"];") !=
               std::string::npos);
    BOOST_TEST(dot.find("b0 -> bf [label=\"jump\"];") != std::string::npos);
    BOOST_TEST(dot.find("b0 -> b5 [label=\"next\"];") != std::string::npos);
    BOOST_TEST(dot.find("b5 ->") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
