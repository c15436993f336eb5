// What a program spends on a packet that goes the way of most: instructions of the user-space
// machine, of which each is about one of the CPU.
#include <algorithm>

#include "bpfgen/frame.h"
#include "core/ebpf/constructors.h"
#include "tests/unit/bpfgen/machine.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(common_way_test)

namespace {

uint64_t steps(const VerifiedModule& program, Hook hook) {
    ebpf::Machine machine = test::machine_of(test::generated(program, {.hook = hook}));
    const Bytes packet = test::tcp_packet(443, 74);
    const auto verdict = machine.run({.bytes = packet});
    BOOST_REQUIRE(verdict.has_value());
    return machine.steps();
}

VerifiedModule filter(const std::string& text) {
    auto compiled = lisp::compile(std::make_shared<const SourceFile>("filter.vfl", text));
    if (!compiled) BOOST_FAIL(render(compiled.error().diagnostics));
    return test::verified(std::move(compiled->module));
}

constexpr const char* kLoads = "(and (= ethertype 0x800) (= proto 6) (= dst-port 443))";

BOOST_AUTO_TEST_CASE(a_port_costs_little_more_than_loads_at_fixed_offsets) {
    for (const Hook hook : {Hook::xdp, Hook::tc}) {
        const uint64_t nothing = steps(filter("1"), hook);
        const uint64_t loads = steps(filter(kLoads), hook) - nothing;
        const uint64_t port = steps(filter("(= tcp.dport 443)"), hook) - nothing;
        BOOST_TEST(2 * port <= 3 * loads, hook_name(hook) << ": " << port << " beside " << loads);
    }
}

BOOST_AUTO_TEST_CASE(a_length_that_is_not_asked_for_is_not_cut) {
    const std::string common = "LD8 12\nPUSH8 1\nJEQ rare\nPUSH8 1\nRET\nrare:\n";
    const uint64_t without = steps(test::assembled(common + "PUSH8 2\nRET\n"), Hook::xdp);
    const uint64_t with = steps(test::assembled(common + "LEN\nRET\n"), Hook::xdp);
    BOOST_TEST(with <= without + 1);
}

BOOST_AUTO_TEST_CASE(linear_frames_need_no_helper) {
    const auto calls = [](const Program& program) {
        return std::ranges::count_if(
            program.insns, [](const bpf_insn& insn) { return insn.code == (BPF_JMP | BPF_CALL); });
    };
    const Program any = test::generated(filter(kLoads));
    const Program linear = test::generated(filter(kLoads), {.frames = Frames::linear});
    BOOST_TEST(calls(linear) == 1);  // for the statistics
    BOOST_TEST(calls(any) > 1);
    BOOST_TEST(linear.insns.size() < any.insns.size());
}

// Only the packet that the rate is of pays for the clock.
BOOST_AUTO_TEST_CASE(the_clock_is_read_where_the_time_is_wanted) {
    const std::string text =
        "(if (= proto 17) (if (= dst-port 53) (rate src-ip 100) (rate dst-ip 200)) 1)";
    for (const Frames frames : {Frames::linear, Frames::any}) {
        const Program program = test::generated(filter(text), {.frames = frames});
        const auto clocks = std::ranges::count_if(program.insns, [](const bpf_insn& insn) {
            return insn.code == (BPF_JMP | BPF_CALL) && insn.imm == BPF_FUNC_ktime_get_ns;
        });
        BOOST_TEST(clocks == 1);
        const auto first = [&](auto what) { return std::ranges::find_if(program.insns, what); };
        const auto clock = first([](const bpf_insn& insn) {
            return insn.code == (BPF_JMP | BPF_CALL) && insn.imm == BPF_FUNC_ktime_get_ns;
        });
        const auto packet_byte = first([](const bpf_insn& insn) {
            return insn.code == (BPF_LDX | BPF_MEM | BPF_B) && insn.src_reg == kData;
        });
        BOOST_TEST((packet_byte < clock));
        ebpf::Machine machine = test::machine_of(program);
        const Bytes tcp = test::tcp_packet(443, 74);
        BOOST_TEST(machine.run({.bytes = tcp}).has_value());
        BOOST_TEST(machine.steps() < 40u);
    }
}

BOOST_AUTO_TEST_CASE(no_jump_is_taken_to_what_goes_on) {
    const Program program = test::generated(filter(kLoads), {.frames = Frames::linear});
    for (size_t i = 0; i + 1 < program.insns.size(); ++i) {
        const bpf_insn& insn = program.insns[i];
        const bool over_one = ebpf::is_conditional(insn) && insn.off == 1;
        BOOST_TEST(!(over_one && program.insns[i + 1].code == (BPF_JMP | BPF_JA)),
                   "instruction " << i);
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
