#include "bpfgen/printer.h"

#include "bpfgen/insns.h"
#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(printer_test)

namespace {

BOOST_AUTO_TEST_CASE(every_form) {
    BOOST_TEST(print_insn(mov(1, 2)) == "r1 = r2");
    BOOST_TEST(print_insn(alu(BPF_DIV, 1, 2)) == "r1 /= r2");
    BOOST_TEST(print_insn(alu_imm(BPF_ARSH, 3, 63)) == "r3 s>>= 63");
    BOOST_TEST(print_insn(neg(4)) == "r4 = -r4");
    BOOST_TEST(print_insn(to_be(4, 32)) == "r4 = be32 r4");
    BOOST_TEST(print_insn(load(2, 1, 7, 12)) == "r1 = *(u16 *)(r7 +12)");
    BOOST_TEST(print_insn(load(1, 1, 7, 23)) == "r1 = *(u8 *)(r7 +23)");
    BOOST_TEST(print_insn(store(8, 10, -8, 0)) == "*(u64 *)(r10 -8) = r0");
    BOOST_TEST(print_insn(store_imm(4, 10, -48, 7)) == "*(u32 *)(r10 -48) = 7");
    BOOST_TEST(print_insn(fetch_add(0, 0, 1)) == "r1 = atomic_fetch_add((u64 *)(r0 +0), r1)");
    BOOST_TEST(print_insn(compare_exchange(1, 0, 2)) ==
               "r0 = atomic_cmpxchg((u64 *)(r1 +0), r0, r2)");
    BOOST_TEST(print_insn(jump_if(BPF_JLE, 2, 8)) == "if r2 <= r8 goto +0");
    BOOST_TEST(print_insn(jump_if_imm(BPF_JEQ, 2, -1, true)) == "if w2 == 0xffffffff goto +0");
    BOOST_TEST(print_insn(call(BPF_FUNC_map_lookup_elem)) == "call map_lookup_elem");
    BOOST_TEST(print_insn(exit_insn()) == "exit");
    BOOST_TEST(print_insn(load_imm64(1, 0).first, "flow") == "r1 = map flow");
    BOOST_TEST(print_insn(make_insn(0xff, 0, 0, 0, 0)) == "insn 0xff");
}

BOOST_AUTO_TEST_CASE(a_listing_shows_source_lines_and_map_names) {
    auto compiled = lisp::compile(std::make_shared<const SourceFile>(
        "count.vfl", "(and (= proto 6)\n     (< (count-by src-ip) 100))\n"));
    BOOST_TEST_REQUIRE(compiled.has_value());
    const std::string listing =
        print_listing(test::generated(test::verified(std::move(compiled->module))));
    BOOST_TEST(listing.contains("; count.vfl:1: (and (= proto 6)\n"));
    BOOST_TEST(listing.contains("; count.vfl:2:      (< (count-by src-ip) 100))\n"));
    BOOST_TEST(listing.contains("r1 = map src_ip\n"));
    BOOST_TEST(listing.contains("     0: r6 = r1\n"));
}

BOOST_AUTO_TEST_CASE(bytecode_without_source_is_its_own_source) {
    VerifiedModule program = test::assembled("LD8 23\nPUSH 6\nEQ\nRET\n");
    const std::string listing = print_listing(test::generated(program));
    BOOST_TEST(listing.contains("; bytecode:1: +0x0  LD8 23\n"));
    BOOST_TEST(listing.contains("+0xd  RET\n"));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
