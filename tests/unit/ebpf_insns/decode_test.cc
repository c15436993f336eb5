// What is an instruction, what its fields say, and how it prints.
#include <boost/test/unit_test.hpp>

#include "core/ebpf/arithmetic.h"
#include "core/ebpf/constructors.h"
#include "core/ebpf/print.h"

namespace vfm::ebpf {
BOOST_AUTO_TEST_SUITE(decode_test)

namespace {

std::string why(std::vector<bpf_insn> insns) {
    const auto decoded = decode(insns, 0);
    return decoded ? "decoded: " + print_insn(*decoded) : std::string(decoded.error());
}

DecodedInsn decoded(const bpf_insn& insn) {
    const auto made = decode(std::span(&insn, 1), 0);
    BOOST_TEST_REQUIRE(made.has_value());
    return *made;
}

BOOST_AUTO_TEST_CASE(what_is_no_instruction) {
    BOOST_TEST(why({make_insn(0xff, 0, 0, 0, 0)}) == "unknown opcode");
    BOOST_TEST(why({make_insn(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, 0)}) == "unknown opcode");
    BOOST_TEST(why({make_insn(BPF_LDX | 0x80 | BPF_W, 0, 1, 0, 0)}) == "unknown opcode");
    BOOST_TEST(why({make_insn(BPF_ALU64 | BPF_END, 0, 0, 0, 16)}) == "unknown opcode");
    BOOST_TEST(why({make_insn(BPF_ALU64 | BPF_NEG | BPF_X, 0, 0, 0, 0)}) == "unknown opcode");
    BOOST_TEST(why({make_insn(BPF_JMP32 | BPF_EXIT, 0, 0, 0, 0)}) == "unknown opcode");
    BOOST_TEST(why({atomic(1, 1, 0, 2, BPF_ADD)}) == "atomic of another width than 4 or 8 bytes");
    BOOST_TEST(why({atomic(8, 1, 0, 2, BPF_SUB)}) == "unknown atomic operation");
    BOOST_TEST(why({atomic(8, 1, 0, 2, BPF_XCHG & ~BPF_FETCH)}) == "unknown atomic operation");
    BOOST_TEST(why({make_insn(BPF_JMP | BPF_CALL, 0, 7, 0, 1)}) == "unknown kind of call");
    BOOST_TEST(why({mov(11, 0)}) == "no such register");
    BOOST_TEST(why({mov(0, 11)}) == "no such register");
    BOOST_TEST(why({to_be(1, 8)}) == "byte swap of another width than 16, 32, 64");
    BOOST_TEST(why({load_imm64(1, 0).first}) == "LD_IMM64 without its second half");
    BOOST_TEST(why({load_imm64(1, 0).first, mov(0, 1)}) == "LD_IMM64 without its second half");
    BOOST_TEST(why({make_insn(0, 0, 0, 0, 0)}) == "unknown opcode");
}

// A field that an instruction has no use for is 0; each that it has may be anything.
BOOST_AUTO_TEST_CASE(fields_that_nobody_reads) {
    const bpf_insn insns[] = {alu(BPF_ADD, 0, 0),
                              alu_imm(BPF_ADD, 0, 0),
                              neg(0),
                              to_be(0, 16),
                              jump_if(BPF_JEQ, 0, 0),
                              jump(0),
                              jump_if_imm(BPF_JEQ, 0, 0),
                              jump_far(0),
                              call(0),
                              exit_insn(),
                              load(8, 0, 0, 0),
                              store(8, 0, 0, 0),
                              store_imm(8, 0, 0, 0)};
    constexpr std::string_view kUsed[] = {"ds", "di", "d", "di",  "dso", "o",  "doi",
                                          "i",  "i",  "",  "dso", "dso", "doi"};
    for (size_t i = 0; i < std::size(insns); ++i) {
        for (const char field : {'d', 's', 'o', 'i'}) {
            bpf_insn insn = insns[i];
            if (field == 'd') insn.dst_reg = 1;
            if (field == 's') insn.src_reg = 1;
            if (field == 'o') insn.off = 1;
            if (field == 'i') insn.imm = 64;
            const bool used = kUsed[i].contains(field) || (i == 8 && field == 's');  // CALL_LOCAL
            BOOST_TEST(decode(std::span(&insn, 1), 0).has_value() == used,
                       print_insn(insns[i]) << ", field " << field);
        }
    }
}

BOOST_AUTO_TEST_CASE(where_the_fields_are) {
    BOOST_TEST(decoded(alu_imm(BPF_ADD, 1, -5)).imm == ~uint64_t{4});
    BOOST_TEST(decoded(alu_imm(BPF_ADD, 1, -5)).has_immediate);
    BOOST_TEST(!decoded(alu(BPF_ADD, 1, 2)).has_immediate);
    BOOST_TEST(decoded(jump_far(-70000)).distance == -70000);
    BOOST_TEST(decoded(jump(-3)).distance == -3);
    BOOST_TEST(decoded(call(7)).imm == 7u);
    BOOST_TEST(decoded(call_local(-9)).distance == -9);
    BOOST_TEST(decoded(call_local(-9)).src == 0);
    BOOST_TEST(decoded(to_le(3, 32)).bytes == 4);
    BOOST_TEST(decoded(load(2, 1, 7, -12)).off == -12);
    BOOST_TEST(decoded(load(2, 1, 7, -12)).bytes == 2);
    const Wide wide = load_imm64(4, 0x8000000090000000);
    const auto both = decode(std::array{exit_insn(), wide.first, wide.second}, 1);
    BOOST_TEST_REQUIRE(both.has_value());
    BOOST_TEST(both->imm == 0x8000000090000000u);
    BOOST_TEST(both->slots() == 2u);
    BOOST_TEST(both->dst == 4);
}

BOOST_AUTO_TEST_CASE(what_jumps_and_what_does_not) {
    BOOST_TEST(is_conditional(jump_if(BPF_JEQ, 1, 2)));
    BOOST_TEST(is_conditional(jump_if_imm(BPF_JSLE, 1, 2, true)));
    for (const bpf_insn& insn : {jump(0), jump_far(0)}) {
        BOOST_TEST(is_jump(insn));
        BOOST_TEST(!is_conditional(insn));
    }
    for (const bpf_insn& insn : {call(1), exit_insn(), mov(1, 2), make_insn(0xff, 0, 0, 0, 0)})
        BOOST_TEST(!is_jump(insn));
}

BOOST_AUTO_TEST_CASE(a_jump_and_its_opposite_never_agree) {
    for (const unsigned op : {BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE}) {
        const bpf_insn insn = jump_if(op, 1, 2, true);
        const DecodedInsn one = decoded(insn), other = decoded(inverted(insn));
        BOOST_TEST(one.is_wide == other.is_wide);
        for (const uint64_t a : {uint64_t{0}, uint64_t{5}, ~uint64_t{0}})
            BOOST_TEST(holds(one.op, a, uint64_t{5}) != holds(other.op, a, uint64_t{5}));
    }
}

BOOST_AUTO_TEST_CASE(printing) {
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
    BOOST_TEST(print_insn(to_le(4, 16)) == "r4 = le16 r4");
    BOOST_TEST(print_insn(load_imm64(1, 7).first, {}, 1) == "r1 = 0x100000007 ll");
    BOOST_TEST(print_insn(atomic(4, 1, 8, 2, BPF_OR)) == "lock *(u32 *)(r1 +8) |= w2");
    BOOST_TEST(print_insn(jump_if_imm(BPF_JSET, 2, 4)) == "if r2 & 0x4 goto +0");
    BOOST_TEST(print_insn(call_local(5)) == "call pc+5");
    BOOST_TEST(print_insn(call(9999)) == "call helper 9999");
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::ebpf
