#include <boost/test/unit_test.hpp>
#include <string>

#include "core/isa/insn.h"

BOOST_AUTO_TEST_SUITE(insn_test)

using namespace vfm;

BOOST_AUTO_TEST_CASE(rows_ascend_and_every_number_finds_its_own) {
    int previous = -1;
    for (const OpInfo& info : all_ops()) {
        const auto number = static_cast<uint8_t>(info.op);
        BOOST_TEST(number > previous, info.name);
        previous = number;
        BOOST_TEST(find_op(number)->name == info.name);
        BOOST_TEST(op_info(info.op).name == info.name);
        BOOST_TEST(find_mnemonic(info.name) == find_op(number));
        BOOST_TEST(!info.sentence.empty());
        BOOST_TEST((info.pops >= 0 || info.pops == kVaries));
        BOOST_TEST((info.pushes >= 0 && info.pushes <= 2));
    }
    BOOST_TEST(all_ops().size() == 58u);
}

BOOST_AUTO_TEST_CASE(reserved_numbers_are_no_opcodes) {
    for (const int number : {24, 25, 39, 64, 127, 149, 200, 255})
        BOOST_TEST(!find_op(static_cast<uint8_t>(number)), number);
}

BOOST_AUTO_TEST_CASE(mnemonics_in_any_case) {
    BOOST_TEST(find_mnemonic("flow_add") == find_op(139));
    BOOST_TEST(find_mnemonic("Push") == find_op(4));
    BOOST_TEST(!find_mnemonic(""));
    BOOST_TEST(!find_mnemonic("PUSH "));
}

BOOST_AUTO_TEST_CASE(every_instruction_there_and_back) {
    for (const OpInfo& info : all_ops()) {
        const unsigned size = imm_size(info.imm);
        for (const uint64_t imm : {uint64_t{0}, uint64_t{1}, uint64_t{0x7f}}) {
            if (size == 0 && imm) continue;
            Bytes code;
            encode(code, info.op, imm);
            BOOST_TEST(code.size() == 1 + size, info.name);
            const auto insn = decode(code, 0);
            BOOST_REQUIRE(insn.has_value());
            BOOST_TEST((*insn == Insn{info.op, 0, imm}), info.name);
            BOOST_TEST(insn->size() == code.size());
        }
    }
}

BOOST_AUTO_TEST_CASE(immediates_are_little_endian) {
    Bytes code;
    encode(code, Opcode::PUSH, 0x0102030405060708);
    encode(code, Opcode::LD16, 0x1234);
    encode(code, Opcode::PUSH8, 0x1ff);  // cut to its size
    BOOST_TEST(hex(code) == "04 08 07 06 05 04 03 02 01 01 34 12 86 ff");
    BOOST_TEST(decode(code, 9)->imm == 0x1234u);
}

BOOST_AUTO_TEST_CASE(jumps_are_signed_and_relative_to_the_next_instruction) {
    Bytes code;
    encode(code, Opcode::JMP, static_cast<uint64_t>(-3));
    const auto insn = decode(code, 0);
    BOOST_TEST(insn->jump_distance() == -3);
    BOOST_TEST(insn->jump_target() == 0);
    code.clear();
    encode(code, Opcode::JEQ, static_cast<uint64_t>(INT16_MIN));
    BOOST_TEST(decode(code, 0)->jump_target() == 3 - 32768);
}

BOOST_AUTO_TEST_CASE(any_number_may_be_asked_for_a_target) {
    Bytes code;
    encode(code, Opcode::PUSH, INT64_MAX);
    BOOST_TEST(decode(code, 0)->jump_target() == INT64_MIN + 8);
}

BOOST_AUTO_TEST_CASE(what_does_not_decode) {
    for (const OpInfo& info : all_ops()) {
        Bytes code;
        encode(code, info.op);
        while (code.size() > 1) {
            code.pop_back();
            BOOST_TEST((decode(code, 0).error() == ErrorKind::invalid_program), info.name);
        }
    }
    const Bytes reserved = {24};
    BOOST_TEST((decode(reserved, 0).error() == ErrorKind::invalid_opcode));
}

BOOST_AUTO_TEST_CASE(load_sizes_are_in_the_names) {
    for (const OpInfo& info : all_ops()) {
        if (info.group != Group::load && info.group != Group::loadx) continue;
        const auto digits = info.name.substr(info.name.find_first_of("0123456789"));
        BOOST_TEST(std::to_string(8 * load_size(info.op)) == digits);
    }
}

BOOST_AUTO_TEST_CASE(people_read_where_a_jump_lands) {
    BOOST_TEST(instruction_text({Opcode::JEQ, 0x10, 4}) == "JEQ +0x17");
    BOOST_TEST(instruction_text({Opcode::JMP, 0, static_cast<uint64_t>(-10)}) == "JMP -0x7");
    BOOST_TEST(instruction_text({Opcode::PUSH, 0, 80}) == "PUSH 80");
    BOOST_TEST(instruction_text({Opcode::PUSH, 0, uint64_t{1} << 32}) == "PUSH 0x100000000");
    BOOST_TEST(instruction_text({Opcode::ADD, 0, 0}) == "ADD");
}

BOOST_AUTO_TEST_CASE(error_kinds_are_the_numbers_of_the_c_interface) {
    BOOST_TEST(kErrorKinds == 10u);
    BOOST_TEST(static_cast<int>(ErrorKind::verification_failed) == -9);
    BOOST_TEST(error_index(ErrorKind::bounds) == 6u);
    BOOST_TEST(error_name(ErrorKind::division_by_zero) == "DIVISION_BY_ZERO");
    BOOST_TEST(!error_text(ErrorKind::limit).empty());
}

BOOST_AUTO_TEST_SUITE_END()
