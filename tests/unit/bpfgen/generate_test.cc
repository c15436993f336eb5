#include <fmt/core.h>

#include <algorithm>

#include "bpfgen/jump_threading.h"
#include "core/ebpf/constructors.h"
#include "core/ir/lift/lift.h"
#include "core/ir/passes/passes.h"
#include "tests/harness/random_program.h"
#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(generate_test)

namespace {

Failure refusal(const VerifiedModule& program) {
    auto made = generate(program, {});
    BOOST_REQUIRE(!made.has_value());
    BOOST_TEST((made.error().status == Status::refused));
    BOOST_REQUIRE_EQUAL(made.error().diagnostics.size(), 1u);
    return made.error();
}

BOOST_AUTO_TEST_CASE(a_loop_is_refused_at_the_jump_that_closes_it) {
    const Failure failure =
        refusal(test::assembled("    PUSH8 9\nagain:\n    PUSH8 1\n    SUB\n    DUP\n    PUSH8 0\n "
                                "   JNE again\n    RET\n"));
    BOOST_TEST(failure.diagnostics[0].message == "eBPF: the program has a loop at +0x8");
    BOOST_TEST(failure.diagnostics[0].offset.value() == 8u);
}

BOOST_AUTO_TEST_CASE(a_jump_backward_is_no_loop) {
    const Program program = test::generated(
        test::assembled("    JMP on\nback:\n    PUSH8 1\n    RET\non:\n    JMP back\n"));
    BOOST_TEST(!program.insns.empty());
}

BOOST_AUTO_TEST_CASE(more_values_than_registers_and_stack_is_too_deep) {
    // 200 different values that no pass can make numbers of, all needed at the end.
    std::string text;
    for (unsigned i = 0; i < 200; ++i) text += "LD16 " + std::to_string(i) + "\n";
    for (unsigned i = 1; i < 200; ++i) text += i % 2 == 0 ? "ADD\n" : "MUL\n";
    const Failure failure = refusal(test::assembled(text + "RET\n"));
    const Diagnostic& diagnostic = failure.diagnostics[0];
    BOOST_TEST(diagnostic.message.starts_with("eBPF: too deep for eBPF at +0x"));
    BOOST_TEST(diagnostic.offset.value() > 0u);
    BOOST_TEST(diagnostic.offset.value() < 600u);
}

BOOST_AUTO_TEST_CASE(more_maps_than_the_kernel_takes_are_refused_at_the_first_too_many) {
    // A table every 11 bytes; statistics are the 64th map.
    std::string tables, code = "PUSH8 0\n";
    const auto with_table = [&](unsigned i) {
        tables += fmt::format(".table t{}\n", i);
        code += fmt::format("LD8 {}\nPUSH8 1\nFLOW_ADD {}\nADD\nPUSH8 0\nPOP\n", i, i);
    };
    for (unsigned i = 0; i < 63; ++i) with_table(i);
    BOOST_TEST(test::generated(test::assembled(tables + code + "RET\n")).maps.size() == 64u);
    with_table(63);
    const Failure failure = refusal(test::assembled(tables + code + "RET\n"));
    BOOST_TEST(failure.diagnostics[0].message ==
               "eBPF: FLOW_ADD: the program needs 65 maps for flow tables, counters, live sets, "
               "statistics and constants, the kernel takes 64");
    BOOST_TEST(failure.diagnostics[0].offset.value() == 2u + 63u * 11u + 5u);
    const VerifiedModule program = test::assembled(tables + code + "RET\n");
    BOOST_TEST(test::generated(program, {.for_kernel = false}).maps.size() == 65u);
}

bool has_call(const Program& program, int32_t helper) {
    return std::ranges::any_of(program.insns, [&](const bpf_insn& insn) {
        return insn.code == (BPF_JMP | BPF_CALL) && insn.imm == helper;
    });
}

BOOST_AUTO_TEST_CASE(a_program_that_loads_nothing_has_one_version_and_no_other_maps) {
    const Program program = test::generated(test::assembled("LEN\nPUSH 100\nGT\nRET\n"));
    BOOST_TEST(!has_call(program, BPF_FUNC_xdp_load_bytes));
    BOOST_TEST_REQUIRE(program.maps.size() == 1u);
    BOOST_TEST(program.maps[0].name == "vfm_stats");
}

BOOST_AUTO_TEST_CASE(a_program_that_loads_has_a_version_for_bytes_that_are_not_linear) {
    const VerifiedModule program = test::assembled("LD8 23\nRET\n");
    BOOST_TEST(has_call(test::generated(program), BPF_FUNC_xdp_load_bytes));
    BOOST_TEST(has_call(test::generated(program, {.hook = Hook::tc}), BPF_FUNC_skb_load_bytes));
}

BOOST_AUTO_TEST_CASE(no_jump_goes_nowhere_and_every_instruction_is_reached) {
    const Program program = test::generated(test::assembled(
        "LD16 12\nPUSH 0x800\nJEQ v4\nPUSH 2\nRET\nv4:\nLD8 23\nPUSH 6\nEQ\nRET\n"));
    std::vector<bool> reached(program.insns.size(), false);
    reached[0] = true;
    for (size_t i = 0; i < program.insns.size(); ++i) {
        BOOST_REQUIRE_MESSAGE(reached[i], "instruction " << i);
        const bpf_insn& insn = program.insns[i];
        const size_t next = i + 1 + ebpf::is_wide(insn);
        const bool falls = insn.code != (BPF_JMP | BPF_EXIT) && insn.code != (BPF_JMP | BPF_JA);
        if (ebpf::is_jump(insn)) {
            BOOST_TEST(insn.off > 0);
            reached[next + insn.off] = true;
        }
        if (falls) reached[next] = true;
        if (ebpf::is_wide(insn)) {
            reached[i + 1] = true;
            ++i;
        }
    }
}

BOOST_AUTO_TEST_CASE(address_comparisons_need_no_byte_swap) {
    const Program program = test::generated(test::assembled("LD32 26\nPUSH 200.1.2.3\nEQ\nRET\n"));
    BOOST_TEST(std::ranges::none_of(program.insns, [](const bpf_insn& insn) {
        return insn.code == (BPF_ALU | BPF_END | BPF_TO_BE);
    }));
}

BOOST_AUTO_TEST_CASE(what_is_lowered_keeps_the_invariants_of_the_ir) {
    for (unsigned i = 0; i < 300; ++i) {
        vfm::test::Rng rng(5, i);
        const auto program = verify(vfm::test::random_program(rng));
        ir::Function function = *ir::lift(*program, {.most_keys = 0});
        ir::optimise(function);
        thread_jumps(function);
        ir::byte_swap_elimination(function);
        BOOST_REQUIRE_EQUAL(ir::check(function), "");
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
