// What a program spends on a packet that goes the way of most: instructions of the user-space
// machine, of which each is about one of the CPU.
#include <algorithm>
#include <cstring>

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

bool is_clock(const bpf_insn& insn) {
    return insn.code == (BPF_JMP | BPF_CALL) && insn.imm == BPF_FUNC_ktime_get_ns;
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
    BOOST_TEST(with <= without + 2);  // it is kept
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
        // On each of two ways that do not meet.
        BOOST_TEST(std::ranges::count_if(program.insns, is_clock) == 2);
        const auto first = [&](auto what) { return std::ranges::find_if(program.insns, what); };
        const auto clock = first(is_clock);
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

// Two rates that one packet comes by have one reading, before the first.
BOOST_AUTO_TEST_CASE(one_run_reads_the_clock_once) {
    const Program program =
        test::generated(filter("(if (= proto 17) (+ (rate src-ip 100) (rate dst-ip 200)) 1)"),
                        {.frames = Frames::linear});
    BOOST_TEST(std::ranges::count_if(program.insns, is_clock) == 1);
}

// The machine has no comparison that gives a number, and a product takes it longer than a jump.
BOOST_AUTO_TEST_CASE(of_two_values_one_is_chosen_by_a_branch) {
    const auto code = [](const std::string& text) {
        const Program program = test::generated(test::assembled(text), {.result_map = true});
        BOOST_TEST(std::ranges::none_of(program.insns, [](const bpf_insn& insn) {
            const unsigned op = BPF_OP(insn.code);
            return BPF_CLASS(insn.code) == BPF_ALU64 && (op == BPF_NEG || op == BPF_MUL);
        }));
        return program;
    };
    const auto result = [](const Program& program, uint64_t now) {
        ebpf::Machine machine = test::machine_of(program);
        BOOST_TEST(machine.run({.bytes = {}, .timestamp = now}).has_value());
        const auto map = std::ranges::find(program.maps, MapRole::result, &Map::role);
        uint64_t value = 0;
        std::memcpy(&value, machine.map(static_cast<size_t>(map - program.maps.begin())).value(0),
                    sizeof value);
        return value;
    };
    const Program product = code("NOW\nDUP\nPUSH 7\nNE\nMUL\nPUSH 1\nADD\nRET\n");
    BOOST_TEST(result(product, 7) == 1u);
    BOOST_TEST(result(product, 9) == 10u);
    const Program other = code("NOW\nDUP\nPUSH 0\nEQ\nPUSH 100\nMUL\nOR\nRET\n");
    BOOST_TEST(result(other, 0) == 100u);
    BOOST_TEST(result(other, 9) == 9u);
    // Whose number is wanted elsewhere as well stays one.
    const Program kept = test::generated(
        test::assembled("NOW\nPUSH 7\nNE\nDUP\nNOW\nMUL\nADD\nRET\n"), {.result_map = true});
    BOOST_TEST(result(kept, 9) == 10u);
    BOOST_TEST(result(kept, 7) == 0u);
}

// What no table holds is 0, and no time is before that.
BOOST_AUTO_TEST_CASE(a_time_that_is_not_there_is_not_compared_with_the_clock) {
    const Program program = test::generated(
        filter("(deftable until :key port)\n(if (< (now) (flow-get until dst-port)) 1 2)"),
        {.frames = Frames::linear});
    const auto clock = std::ranges::find_if(program.insns, is_clock);
    BOOST_REQUIRE(clock != program.insns.end());
    BOOST_TEST(unsigned{clock[-1].code} == unsigned{BPF_JMP | BPF_JEQ | BPF_K});
    BOOST_TEST(clock[-1].imm == 0);
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
