// Which form of tests is taken, that equal ends stand once, and the loop over extension headers.
// That all forms decide alike, version_test.cc and the engines' suites say.
#include <fmt/core.h>

#include <algorithm>

#include "bpf/vfm_abi.h"
#include "bpfgen/predict/predict.h"
#include "core/ebpf/constructors.h"
#include "tests/unit/bpfgen/machine.h"
#include "userspace/interp/interpreter.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(care_test)

namespace {

Program linear(const VerifiedModule& program, Care care) {
    return test::generated(program, {.frames = Frames::linear, .care = care});
}

VerifiedModule lisp_program(const std::string& text) {
    auto made = lisp::compile(std::make_shared<const SourceFile>("f.vfl", text));
    if (!made) BOOST_FAIL(render(made.error().diagnostics));
    return test::verified(std::move(made->module));
}

bool same(const Program& a, const Program& b) {
    return std::ranges::equal(a.insns, b.insns, [](const bpf_insn& x, const bpf_insn& y) {
        return x.code == y.code && x.imm == y.imm && x.off == y.off && x.dst_reg == y.dst_reg &&
               x.src_reg == y.src_reg;
    });
}

// Each part of a score doubles what the verifier can know of the sum.
std::string score(unsigned parts) {
    constexpr std::string_view kFields[] = {"src-port", "dst-port", "src-ip", "ip-len", "proto"};
    std::string text = "(> (+";
    for (unsigned i = 0; i < parts; ++i)
        text += fmt::format(" (if (> {} {}) {} 0)", kFields[i % 5], 3 * i + 1, i + 1);
    return text + ") 30)";
}

BOOST_AUTO_TEST_CASE(the_shortest_code_is_taken_as_far_as_the_verifier_can_follow_it) {
    const VerifiedModule small = lisp_program(score(4)), large = lisp_program(score(40));
    BOOST_TEST(same(linear(small, Care::where_needed), linear(small, Care::never)));
    BOOST_TEST(same(linear(large, Care::where_needed), linear(large, Care::always)));
    const VerifiedModule walk = lisp_program("(or (= udp.dport 53) (= tcp.sport 7))");
    BOOST_TEST(linear(walk, Care::never).insns.size() < linear(walk, Care::always).insns.size());
    BOOST_TEST(predict(linear(large, Care::never)).processed.value() > 31'250u);
    BOOST_TEST(predict(linear(large, Care::always)).processed.value() < 10'000u);
}

BOOST_AUTO_TEST_CASE(a_prediction_stops_where_it_is_told) {
    const Program large = linear(lisp_program(score(40)), Care::never);
    BOOST_TEST(predict(large, 1000).processed.value() == 1001u);
}

// A test is one jump, and what goes on falls through.
BOOST_AUTO_TEST_CASE(no_test_jumps_around_a_jump) {
    const Program program = linear(
        lisp_program("(or (and (= dst-port 1) (= src-port 2)) (and (= dst-port 3) (= proto 17)))"),
        Care::never);
    for (size_t i = 0; i + 1 < program.insns.size(); ++i) {
        const bpf_insn& insn = program.insns[i];
        const bool around = ebpf::is_conditional(insn) && insn.off == 1;
        BOOST_TEST(!(around && program.insns[i + 1].code == (BPF_JMP | BPF_JA)), "at " << i);
    }
}

// Each adds one to the packets of a counter, behind the statistics.
size_t counts_in(const Program& program) {
    return static_cast<size_t>(std::ranges::count_if(program.insns, [](const bpf_insn& insn) {
        const bool stores = insn.code == (BPF_STX | BPF_MEM | BPF_DW) && insn.dst_reg != BPF_REG_10;
        return stores && insn.off >= static_cast<int>(sizeof(vfm_stats)) && insn.off % 16 == 0;
    }));
}

BOOST_AUTO_TEST_CASE(what_a_rule_counts_stands_once) {
    std::string text = "(rules";
    for (unsigned rule = 1; rule <= 3; ++rule)
        text += fmt::format(
            " (when (or (and (= src-ip 10.0.0.{0}) (> dst-port 7)) (and (= proto 17) (= dst-port "
            "{0}))) drop)",
            rule);
    const VerifiedModule program = lisp_program(text + " (default pass))");
    for (const Care care : {Care::never, Care::always})
        BOOST_TEST(counts_in(linear(program, care)) == 4u);
}

std::string counted_rules(unsigned count) {
    std::string text = "(rules";
    for (unsigned rule = 0; rule < count; ++rule)
        text += fmt::format(" (when (and (= (& src-ip {:#x}) {:#x}) (= dst-port {})) {})",
                            0xffffff00 << rule % 9, (10u << 24 | rule << 16), 1000 + rule % 50,
                            rule % 3 == 0 ? "pass" : "drop");
    return text + " (default pass))";
}

// By its number; one place for all of a verdict, in careful code, too.
BOOST_AUTO_TEST_CASE(what_many_rules_count_stands_once) {
    const VerifiedModule program = lisp_program(counted_rules(120));
    for (const Care care : {Care::never, Care::always}) {
        const Program emitted = linear(program, care);
        BOOST_TEST(emitted.insns.size() < 120u * 12);
        auto reference = *instance_of(interpreter_program(program));
        ebpf::Machine machine = test::machine_of(emitted);
        for (unsigned i = 0; i < 300; ++i) {
            Bytes packet = test::tcp_packet(static_cast<uint16_t>(1000 + i % 50), 70 + i % 9);
            packet[27] = static_cast<uint8_t>(i % 130);
            const bool passes = reference->run({.bytes = packet}).value != 0;
            const auto action = machine.run({.bytes = packet});
            BOOST_REQUIRE(action.has_value());
            BOOST_TEST(*action == (passes ? XDP_PASS : XDP_DROP));
        }
        BOOST_TEST(
            (test::counters_in(machine, emitted, program.module()) == reference->counters()));
    }
}

BOOST_AUTO_TEST_CASE(counted_rules_are_forty_one_instructions_to_the_verifier) {
    for (const unsigned rules : {200u, 1000u})
        BOOST_TEST(predict(linear(lisp_program(counted_rules(rules)), Care::where_needed))
                       .processed.value() <= 41u * rules);
}

// Eight headers that are walked one by one are far more code.
BOOST_AUTO_TEST_CASE(extension_headers_are_a_loop) {
    const VerifiedModule program = lisp_program("(= udp.dport 53)");
    for (const Frames frames : {Frames::linear, Frames::any}) {
        const Program emitted = test::generated(program, {.frames = frames});
        BOOST_TEST(emitted.rounds == 8u);
        BOOST_TEST(emitted.insns.size() < (frames == Frames::linear ? 300u : 600u));
        const Prediction prediction = predict(emitted);
        BOOST_REQUIRE(prediction.longest_path.has_value());
        // Each restart leads through it once more.
        const size_t times = emitted.restarts.size() + 1;
        BOOST_TEST(*prediction.longest_path < times * (emitted.insns.size() + 8u * 40));
        BOOST_TEST(*prediction.longest_path > times * 8u * 15);
    }
    BOOST_TEST(linear(lisp_program("(= dst-port 53)"), Care::never).rounds == 0u);
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
