#include "bpfgen/emitter.h"

#include <boost/test/unit_test.hpp>

#include "bpfgen/frame.h"
#include "core/ebpf/print.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(emitter_test)

namespace {

using ebpf::print_insn;

std::vector<std::string> text(const Code& code) {
    std::vector<std::string> lines;
    for (const bpf_insn& insn : code.insns) lines.push_back(print_insn(insn));
    return lines;
}

BOOST_AUTO_TEST_CASE(jumps_are_relative_to_the_next_slot_and_wide_insns_have_two) {
    Emitter e;
    const Label end = e.label();
    e.emit_jump(jump_if_imm(BPF_JEQ, 1, 7), end);
    e.emit(load_imm64(2, 0x123456789abcdef0));
    e.bind(end);
    e.emit(exit_insn());
    const Code code = e.finish();
    BOOST_TEST_REQUIRE(code.insns.size() == 4u);
    BOOST_TEST(code.insns[0].off == 2);
    BOOST_TEST(print_insn(code.insns[1], {}, code.insns[2].imm) == "r2 = 0x123456789abcdef0 ll");
}

BOOST_AUTO_TEST_CASE(jumps_over_nothing_vanish_also_in_a_row) {
    Emitter e;
    const Label end = e.label();
    e.emit(mov_imm(0, 1));
    e.emit_jump(end);
    e.emit_jump(end);
    e.bind(end);
    e.emit(exit_insn());
    const std::vector<std::string> expected = {"r0 = 1", "exit"};
    BOOST_TEST(text(e.finish()) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_skip_binds_where_its_scope_ends) {
    Emitter e;
    {
        Skip skip(e);
        e.emit_jump(jump_if_imm(BPF_JNE, 0, 0), skip.label);
        e.emit(mov_imm(0, 5));
    }
    e.emit(exit_insn());
    const std::vector<std::string> expected = {"if r0 != 0x0 goto +1", "r0 = 5", "exit"};
    BOOST_TEST(text(e.finish()) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(numbers_take_the_shortest_form_that_keeps_them) {
    Emitter e;
    e.number(1, 5);
    e.number(1, ~uint64_t{0});
    e.number(1, 0x80000000);          // sign extension would set the high half
    e.number(1, 0xffffffff80000000);  // and here it is what is wanted
    e.number(1, uint64_t{1} << 32);
    const Code code = e.finish();
    BOOST_TEST_REQUIRE(code.insns.size() == 6u);
    BOOST_TEST(print_insn(code.insns[0]) == "r1 = 5");
    BOOST_TEST(print_insn(code.insns[1]) == "r1 = -1");
    BOOST_TEST(print_insn(code.insns[2]) == "w1 = -2147483648");
    BOOST_TEST(print_insn(code.insns[3]) == "r1 = -2147483648");
    BOOST_TEST(print_insn(code.insns[4], {}, code.insns[5].imm) == "r1 = 0x100000000 ll");
}

// A forward jump over `between` instructions.
Code jump_over(unsigned between, bool conditional) {
    Emitter e;
    const Label end = e.label();
    e.emit_jump(conditional ? jump_if_imm(BPF_JGT, 1, 3) : jump(), end);
    for (unsigned i = 0; i < between; ++i) e.emit(mov_imm(0, 0));
    e.bind(end);
    e.emit(exit_insn());
    return e.finish();
}

BOOST_AUTO_TEST_CASE(a_jump_of_32767_is_short) {
    BOOST_TEST(print_insn(jump_over(32767, false).insns[0]) == "goto +32767");
    BOOST_TEST(print_insn(jump_over(32767, true).insns[0]) == "if r1 > 0x3 goto +32767");
}

BOOST_AUTO_TEST_CASE(a_longer_one_takes_32_bits) {
    BOOST_TEST(print_insn(jump_over(32768, false).insns[0]) == "gotol +32768");
    const Code far = jump_over(32768, true);
    BOOST_TEST(print_insn(far.insns[0]) == "if r1 <= 0x3 goto +1");
    BOOST_TEST(print_insn(far.insns[1]) == "gotol +32768");
    BOOST_TEST(far.insns.size() == 2 + 32768 + 1u);
}

BOOST_AUTO_TEST_CASE(one_far_jump_can_push_another_out_of_reach) {
    Emitter e;
    const Label a = e.label();
    const Label b = e.label();
    e.emit_jump(jump_if_imm(BPF_JEQ, 1, 0), a);  // in reach until the next one grows
    e.emit_jump(jump_if_imm(BPF_JEQ, 1, 1), b);
    for (unsigned i = 0; i < 32766; ++i) e.emit(mov_imm(0, 0));
    e.bind(a);
    for (unsigned i = 0; i < 100; ++i) e.emit(mov_imm(0, 1));
    e.bind(b);
    e.emit(exit_insn());
    const Code code = e.finish();
    BOOST_TEST(print_insn(code.insns[0]) == "if r1 != 0x0 goto +1");
    BOOST_TEST(print_insn(code.insns[1]) == "gotol +32768");
    BOOST_TEST(print_insn(code.insns[2]) == "if r1 != 0x1 goto +1");
    BOOST_TEST(print_insn(code.insns[3]) == "gotol +32866");
}

// A division becomes four instructions, the tag of a packet three, a lookup eight.
BOOST_AUTO_TEST_CASE(what_the_kernel_makes_longer_is_jumped_over_in_32_bits) {
    const auto jump_over_these = [](bpf_insn insn) {
        Emitter e;
        const Label end = e.label();
        e.emit_jump(jump_if_imm(BPF_JEQ, 1, 0), end);
        for (unsigned i = 0; i < 32766; ++i) e.emit(i % 100 == 0 ? insn : mov_imm(0, 0));
        e.bind(end);
        e.emit(exit_insn());
        return print_insn(e.finish().insns[0]);
    };
    const std::string near = "if r1 == 0x0 goto +32766", far = "if r1 != 0x0 goto +1";
    BOOST_TEST(jump_over_these(alu(BPF_DIV, 0, 2)) == far);
    BOOST_TEST(jump_over_these(load(4, 2, kContext, 20)) == far);
    BOOST_TEST(jump_over_these(call(BPF_FUNC_map_lookup_elem)) == far);
    BOOST_TEST(jump_over_these(alu(BPF_MUL, 0, 2)) == near);
    BOOST_TEST(jump_over_these(load(4, 2, kData, 20)) == near);
    BOOST_TEST(jump_over_these(call(BPF_FUNC_xdp_load_bytes)) == near);
}

BOOST_AUTO_TEST_CASE(maps_and_origins_are_counted_in_slots) {
    Emitter e;
    e.origin(0);
    e.map_address(1, 4);
    e.origin(9);
    e.emit(mov_imm(0, 0));
    e.map_address(2, 3);
    const Code code = e.finish();
    BOOST_TEST_REQUIRE(code.maps.size() == 2u);
    BOOST_TEST((code.maps[0].insn == 0 && code.maps[0].map == 4));
    BOOST_TEST((code.maps[1].insn == 3 && code.maps[1].map == 3));
    BOOST_TEST_REQUIRE(code.origins.size() == 2u);
    BOOST_TEST((code.origins[1].insn == 2 && code.origins[1].code_offset == 9));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
