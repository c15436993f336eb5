#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "bpfgen/frame.h"
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

// Different values that no pass can make numbers of, all needed at the end.
std::string many_values(unsigned count) {
    std::string text;
    for (unsigned i = 0; i < count; ++i) text += fmt::format("LD16 {}\n", i);
    for (unsigned i = 1; i < count; ++i) text += i % 2 == 0 ? "ADD\n" : "MUL\n";
    return text + "RET\n";
}

constexpr std::string_view kLoop =
    "    PUSH8 9\nagain:\n    PUSH8 1\n    SUB\n    DUP\n    PUSH8 0\n    JNE again\n    RET\n";

BOOST_AUTO_TEST_CASE(a_loop_with_too_much_fuel_is_refused_at_the_jump_that_closes_it) {
    const Failure failure = refusal(test::assembled(".fuel 1000001\n" + std::string(kLoop)));
    BOOST_TEST(failure.diagnostics[0].message ==
               "eBPF: the loop at +0x8 has fuel for 1000001 instructions, in the kernel a loop has "
               "1000000 at most");
    BOOST_TEST(failure.diagnostics[0].offset.value() == 8u);
    // Without a loop fuel costs nothing.
    test::generated(test::assembled(".fuel 1000001\n    RET 1\n"));
}

BOOST_AUTO_TEST_CASE(each_form_of_loop_has_its_own_way_to_end) {
    const VerifiedModule program = test::assembled(".fuel 1000000\n" + std::string(kLoop));
    const auto may_gotos = [&](uint64_t fuel, LoopForm form) {
        const auto text = fmt::format(".fuel {}\n{}", fuel, kLoop);
        const Program made = test::generated(test::assembled(text), {.loops = form});
        return std::ranges::count_if(made.insns, [](const bpf_insn& insn) {
            return ebpf::family_of(insn.code) == ebpf::Family::may_jump;
        });
    };
    const auto made = generate(program, {.loops = LoopForm::bounded});
    BOOST_REQUIRE(!made.has_value());
    BOOST_TEST(
        made.error().diagnostics[0].message ==
        "eBPF: the loop at +0x2 may go round 200001 times, which only a kernel with bpf_loop "
        "(Linux 5.17) or may_goto (Linux 6.9) takes");
    BOOST_TEST(made.error().diagnostics[0].offset.value() == 2u);
    BOOST_TEST(may_gotos(10000, LoopForm::bounded) == 0);
    BOOST_TEST(may_gotos(10000, LoopForm::may_goto) > 0);
    BOOST_TEST(may_gotos(1000000, LoopForm::may_goto) > 0);
}

BOOST_AUTO_TEST_CASE(what_lies_below_values_is_free_for_the_counts_of_loops) {
    const std::string many = many_values(250);
    const std::string text = ".fuel 100000\nagain:\n" + many.substr(0, many.size() - 4) +
                             "    PUSH8 0\n    JNE again\n    RET 1\n";
    for (const LoopForm form : {LoopForm::bounded, LoopForm::may_goto}) {
        const Program made = test::generated(test::assembled(text), {.loops = form});
        std::set<int> below;
        for (const bpf_insn& insn : made.insns) {
            const bool stores = BPF_CLASS(insn.code) == BPF_STX && insn.dst_reg == ebpf::kFrame;
            if (stores && insn.off < kFrameEndWithLoops) below.insert(insn.off);
        }
        const bool bounded = form == LoopForm::bounded;
        BOOST_TEST(below.size() == (bounded ? 1u : 0u));
        BOOST_TEST((!bounded || below.contains(kLoopSlot)));
    }
}

BOOST_AUTO_TEST_CASE(a_jump_backward_is_no_loop) {
    const Program program = test::generated(
        test::assembled("    JMP on\nback:\n    PUSH8 1\n    RET\non:\n    JMP back\n"));
    BOOST_TEST(!program.insns.empty());
}

BOOST_AUTO_TEST_CASE(what_registers_and_stack_do_not_hold_is_in_a_map_of_its_own) {
    const Program few = test::generated(test::assembled(many_values(40)));
    BOOST_TEST(std::ranges::count(few.maps, MapRole::scratch, &Map::role) == 0);
    const Program many = test::generated(test::assembled(many_values(200)));
    const auto scratch = std::ranges::find(many.maps, MapRole::scratch, &Map::role);
    BOOST_REQUIRE(scratch != many.maps.end());
    BOOST_TEST(scratch->name == "vfm_scratch");
    BOOST_TEST(scratch->max_entries == 1u);
    BOOST_TEST(scratch->value_size > 8 * 180u);
    BOOST_TEST(scratch->value_size <= 8 * 200u);
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
               "statistics, scratch memory and constants, the kernel takes 64");
    BOOST_TEST(failure.diagnostics[0].offset.value() == 2u + 63u * 11u + 5u);
    const VerifiedModule program = test::assembled(tables + code + "RET\n");
    BOOST_TEST(test::generated(program, {.for_kernel = false}).maps.size() == 66u);
}

// Two ways fill the stack differently and meet in three thousand places.
BOOST_AUTO_TEST_CASE(ways_that_merge_too_many_values_are_refused_where_they_meet) {
    std::string text = "LD8 0\nLD8 1\nJEQ second\n", places;
    for (unsigned i = 0; i < 250; ++i) text += fmt::format("LD8 {}\n", i);
    text += "JMP places\nsecond:\n";
    for (unsigned i = 0; i < 250; ++i) text += fmt::format("LD16 {}\n", i);
    for (unsigned i = 0; i < 3000; ++i) {
        text += fmt::format("DUP\nLD8 {}\nJGT place{}\n", i % 256, i);
        places += fmt::format("place{}:\nNOT\n", i);
    }
    text += "JMP places\nplaces:\n" + places;
    for (unsigned i = 1; i < 250; ++i) text += "XOR\n";
    const VerifiedModule program = test::assembled(text + "RET\n");
    const Failure failure = refusal(program);
    BOOST_TEST(failure.diagnostics[0].message ==
               "eBPF: the paths through this program merge too many values");
    const auto at =
        std::ranges::find(program.insns(), failure.diagnostics[0].offset.value(), &Insn::offset);
    BOOST_TEST_REQUIRE((at != program.insns().end()));
    BOOST_TEST((at->op == Opcode::NOT));
}

BOOST_AUTO_TEST_CASE(a_call_is_refused_by_name) {
    const Failure failure = refusal(test::assembled(".import f args=1\nPUSH8 1\nCALL 0\nRET\n"));
    BOOST_TEST(failure.diagnostics[0].message ==
               "eBPF: CALL: the kernel cannot call host functions");
    BOOST_TEST(failure.diagnostics[0].offset.value() == 2u);
}

BOOST_AUTO_TEST_CASE(scratch_memory_counts_among_the_maps_that_the_kernel_takes) {
    const auto with_tables = [](unsigned tables) {
        std::string text, code;
        for (unsigned i = 0; i < tables; ++i) {
            text += fmt::format(".table t{}\n", i);
            code += fmt::format("LD8 {0}\nPUSH8 1\nFLOW_ADD {0}\nPOP\n", i);
        }
        return test::assembled(text + code + many_values(200));
    };
    BOOST_TEST(test::generated(with_tables(62)).maps.size() == 64u);
    const Failure failure = refusal(with_tables(63));
    BOOST_TEST(failure.diagnostics[0].message ==
               "eBPF: FLOW_ADD: the program needs 65 maps for flow tables, counters, live sets, "
               "statistics, scratch memory and constants, the kernel takes 64");
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
            const bool back = std::ranges::binary_search(program.restarts, i);
            BOOST_TEST((insn.off < 0) == back);
            BOOST_TEST(insn.off != 0);
            reached[static_cast<size_t>(static_cast<int64_t>(next) + insn.off)] = true;
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
