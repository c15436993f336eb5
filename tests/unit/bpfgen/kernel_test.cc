// The emitted objects in this machine's kernel. Skipped, with the reason, where it cannot be asked.
#include <fmt/core.h>
#include <string_view>
#include <utility>

#include "bpfgen/hook.h"
#include "tests/unit/bpfgen/kernel.h"
#include "tests/unit/bpfgen/rows.h"
#include "tests/unit/bpfgen/search.h"
#include "userspace/interp/interpreter.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(kernel_test)

namespace {

Bytes tcp_packet(size_t size = 64) { return test::tcp_packet(80, size); }

VerifiedModule lisp_program(const std::string& text) {
    auto compiled = lisp::compile(std::make_shared<const SourceFile>("filter.vfl", text));
    if (!compiled) BOOST_FAIL(render(compiled.error().diagnostics));
    return test::verified(std::move(compiled->module));
}

BOOST_AUTO_TEST_SUITE(in_kernel, *boost::unit_test::precondition(kernel))

BOOST_AUTO_TEST_CASE(a_rate_limit_counts_in_its_flow_table) {
    for (const Hook hook : {Hook::xdp, Hook::tc}) {
        const Program program = test::generated(
            lisp_program("(and (= proto 6) (< (count-by src-ip) 3))"), {.hook = hook});
        Loaded loaded(program);
        const auto pass = static_cast<uint32_t>(hook_facts(hook).pass);
        const auto drop = static_cast<uint32_t>(hook_facts(hook).drop);
        for (const uint32_t expected : {pass, pass, drop, drop}) {
            BOOST_TEST(loaded.run(tcp_packet()) == expected);
        }
        Bytes udp = tcp_packet();
        udp[23] = 17;
        BOOST_TEST(loaded.run(udp) == drop);
        const uint64_t key = 0x0a000001;
        uint64_t value = 0;
        BOOST_TEST(bpf_map_lookup_elem(loaded.map(MapRole::flow), &key, &value) == 0);
        BOOST_TEST(value == 4u);
    }
}

BOOST_AUTO_TEST_CASE(types_and_lines_are_there_for_tools) {
    const Program program = test::generated(lisp_program("(or (= proto 17)\n    (= dst-port 22))"));
    Loaded loaded(program);
    const bpf_prog_info info = loaded.info();
    BOOST_TEST(info.btf_id != 0u);
    BOOST_TEST(info.nr_func_info == 1u);
    BOOST_TEST(info.nr_line_info >= 2u);
    BOOST_TEST(info.gpl_compatible == 1u);
}

BOOST_AUTO_TEST_CASE(fragments_of_a_long_frame_are_read_through_the_helper) {
    const VerifiedModule program = test::assembled("LD32 8000\nLD8 23\nADD\nRET\n");
    const Program emitted = test::generated(program, {.result_map = true});
    Bytes packet = tcp_packet(9000);
    packet[8003] = 77;
    Loaded loaded(emitted);
    BOOST_TEST(loaded.run(packet) == uint32_t{XDP_PASS});
    BOOST_TEST(loaded.result().value == 77 + 6u);
}

BOOST_AUTO_TEST_CASE(programs_for_linear_and_for_any_frames_run) {
    const VerifiedModule program = test::assembled("LD8 23\nLEN\nADD\nRET\n");
    for (const Frames frames : {Frames::linear, Frames::any}) {
        const Program emitted = test::generated(program, {.frames = frames, .result_map = true});
        Loaded loaded(emitted);
        BOOST_TEST(loaded.run(tcp_packet()) == uint32_t{XDP_PASS});
        BOOST_TEST(loaded.result().value == 6 + 64u);
    }
}

BOOST_AUTO_TEST_CASE(headers_are_walked) {
    const VerifiedModule program =
        test::assembled("HDR 4\nHDR 1\nADD\nHASH5\nXOR\nHDR 2\nXOR\nHDR 1\nLDX16 2\nADD\nRET\n");
    const Bytes packet = tcp_packet();
    const Outcome expected = (*instance_of(interpreter_program(program)))->run({.bytes = packet});
    for (const Hook hook : {Hook::xdp, Hook::tc}) {
        for (const Care care : {Care::never, Care::always}) {
            const Program emitted =
                test::generated(program, {.hook = hook, .result_map = true, .care = care});
            Loaded loaded(emitted);
            loaded.run(packet);
            BOOST_TEST(loaded.result().value == expected.value);
            BOOST_TEST(loaded.info().verified_insns < 40'000u);
        }
    }
}

// 200,000 rounds, of which the verifier looks at a few.
BOOST_AUTO_TEST_CASE(rounds_that_the_kernel_calls_for_end_by_fuel) {
    const std::string loop =
        "    LD8 23\n    LD16 36\nagain:\n    PUSH8 1\n    SUB\n    DUP\n    PUSH 9\n"
        "    JNE again\n    ADD\n    RET\n";
    const Bytes packet = tcp_packet();
    for (const unsigned fuel : {20u, 400u, 1'000'000u}) {
        for (const std::string& text : {loop, "PUSH8 0\nJMP on\non:\nLD8 0\nADD\n" + loop}) {
            const VerifiedModule program = test::assembled(fmt::format(".fuel {}\n{}", fuel, text));
            const Outcome expected =
                (*instance_of(interpreter_program(program)))->run({.bytes = packet});
            for (const Hook hook : {Hook::xdp, Hook::tc}) {
                const Program emitted = test::generated(
                    program, {.hook = hook, .result_map = true, .loops = LoopForm::bpf_loop});
                Loaded loaded(emitted);
                loaded.run(packet);
                BOOST_TEST(loaded.result().value == expected.value);
                BOOST_TEST(loaded.result().error == static_cast<int>(expected.error));
                BOOST_TEST(loaded.info().verified_insns < 1000u);
                BOOST_TEST(loaded.info().nr_func_info == 2u);
            }
        }
    }
}

// Beyond what is copied: a round reads through the helper.
BOOST_AUTO_TEST_CASE(rounds_read_fragments_of_a_long_frame) {
    const VerifiedModule program = test::assembled(
        "    LD8 23\nagain:\n    PUSH8 1\n    SUB\n    LD8 8003\n    POP\n    DUP\n    PUSH8 0\n"
        "    JNE again\n    LD32 8000\n    ADD\n    RET\n");
    const Program emitted =
        test::generated(program, {.result_map = true, .loops = LoopForm::bpf_loop});
    Bytes packet = tcp_packet(9000);
    packet[8003] = 77;
    Loaded loaded(emitted);
    BOOST_TEST(loaded.run(packet) == uint32_t{XDP_PASS});
    BOOST_TEST(loaded.result().value == 77u);
}

// Each operation has a path for a missing entry; they must not multiply.
BOOST_AUTO_TEST_CASE(many_table_operations_load) {
    std::string text = "HASH5\n";
    for (unsigned i = 0; i < 40; ++i) {
        text += fmt::format("DUP\nPUSH8 {}\nADD\nPUSH8 1\nFLOW_ADD 0\nPUSH8 3\nJGT l{}\n", i, i);
        text += fmt::format("DUP\nFLOW_GET 0\nXOR\nl{}:\n", i);
    }
    const Program program = test::generated(test::assembled(text + "RET\n"), {.result_map = true});
    Loaded loaded(program);
    BOOST_TEST(loaded.info().verified_insns < 9 * program.insns.size());
}

std::string address(uint32_t number) {
    return fmt::format("{}.{}.{}.{}", number >> 24, number >> 16 & 255, number >> 8 & 255,
                       number & 255);
}

// The kernel gives up at a million followed instructions and at 8,192 pending branches.
BOOST_AUTO_TEST_CASE(thousands_of_addresses_load) {
    std::string text = "(or";
    for (uint32_t i = 0; i < 2500; ++i)
        text += fmt::format("\n  (= src-ip {})", address(i * 0x9E3779B9));
    const Program program = test::generated(lisp_program(text + ")"));
    Loaded loaded(program);
    BOOST_TEST(loaded.info().verified_insns < 4 * program.insns.size());
    BOOST_TEST(loaded.run(tcp_packet()) == uint32_t{XDP_DROP});
    Bytes last = tcp_packet();
    const uint32_t known = 2499 * 0x9E3779B9;
    for (unsigned i = 0; i < 4; ++i) last[26 + i] = static_cast<uint8_t>(known >> (24 - 8 * i));
    BOOST_TEST(loaded.run(last) == uint32_t{XDP_PASS});
}

BOOST_AUTO_TEST_CASE(rules_of_two_tests_load) {
    std::string text = "(or";
    for (uint32_t i = 0; i < 1000; ++i) {
        text += fmt::format("\n  (and (= (& src-ip 255.255.0.0) {}) (= dst-port {}))",
                            address(i << 16 | 0x0b000000), i);
    }
    const Program program = test::generated(lisp_program(text + ")"));
    Loaded loaded(program);
    BOOST_TEST(loaded.info().verified_insns < 6 * program.insns.size());
    BOOST_TEST(loaded.run(tcp_packet()) == uint32_t{XDP_DROP});
}

// The farthest jumps of these are close to what 16 bits hold, and the kernel makes the code between
// longer.
BOOST_AUTO_TEST_CASE(jumps_that_the_kernel_lengthens_load) {
    std::string text = "(or";
    for (uint32_t i = 0; i < 321; ++i) {
        text +=
            fmt::format("\n  (and (= ip.src {}) (= tcp.dport {}))", address(i * 0x9E3779B9), i + 1);
        if (i < 288 || i % 3 != 0) continue;
        const Program program = test::generated(lisp_program(text + ")"), {.hook = Hook::tc});
        Loaded loaded(program);
    }
}

BOOST_AUTO_TEST_CASE(lengths_asked_for_do_not_multiply_paths) {
    std::string text = "(or";
    for (uint32_t i = 1; i < 150; ++i) {
        text +=
            fmt::format("\n  (and (> (len) {0}) (= (u16 {1}) {0}) (> (len) {2}) (= (u16 {3}) {0}))",
                        1502 - 9 * i, 1500 - 9 * i, 1520 - 9 * i, 1506 - 9 * i);
    }
    const Program program = test::generated(lisp_program(text + ")"));
    Loaded loaded(program);
    BOOST_TEST(loaded.info().verified_insns < 11 * program.insns.size());
}

BOOST_AUTO_TEST_CASE(numbers_made_of_comparisons_do_not_multiply_paths) {
    std::string text = "(+ 0";
    for (uint32_t i = 0; i < 300; ++i) text += fmt::format(" (= dst-port {}) (< src-ip {})", i, i);
    const Program program = test::generated(lisp_program(text + ")"), {.result_map = true});
    Loaded loaded(program);
    BOOST_TEST(loaded.info().verified_insns < 4 * program.insns.size());
    loaded.run(tcp_packet());
    BOOST_TEST(loaded.result().value == 1u);
}

BOOST_AUTO_TEST_CASE(rule_tables_of_every_form_load) {
    for (const uint32_t rows : {100u, 300u, 1'000u, 2'000u}) {
        std::string text = "(rules";
        for (uint32_t i = 0; i < rows; ++i)
            text += fmt::format("\n  (when (and (in ip.src {}/24) (= udp.dport {})) {})",
                                address(i * 0x9E3779B9), 1 + i * 7, i % 3);
        const Program program = test::generated(lisp_program(text + "\n  (default 0))"));
        const Loaded loaded(program);
    }
}

BOOST_AUTO_TEST_CASE(keys_of_a_rule_table_do_not_multiply_paths) {
    constexpr const char* kFields[] = {"tcp.dport", "ip.proto",  "ip.ttl", "vlan.id", "udp.dport",
                                       "ipv4.id",   "ipv6.flow", "ip.len", "arp.op",  "icmp.type"};
    std::string text = "(rules";
    for (uint32_t i = 0; i < 40; ++i)
        text += fmt::format("\n  (when (= {} {}) {})", kFields[i % 10], i + 1, i % 3);
    const VerifiedModule rules = lisp_program(text + "\n  (default 0))");
    const Program careful = test::generated(rules, {.care = Care::always});
    BOOST_TEST(Loaded(careful).info().verified_insns < 40'000u);
    BOOST_TEST(Loaded(test::generated(rules)).info().verified_insns < 40'000u);
}

BOOST_AUTO_TEST_CASE(a_program_short_of_fuel_stops) {
    std::string text = ".fuel 30\n";
    for (unsigned i = 0; i < 40; ++i) {
        text += fmt::format("LD8 40\nPUSH8 1\nJEQ l{0}\nl{0}:\n", i);
    }
    const Program program =
        test::generated(test::assembled(text + "PUSH8 1\nRET\n"), {.result_map = true});
    Loaded loaded(program);
    loaded.run(tcp_packet());
    BOOST_TEST(loaded.result().error == -8);
}

// All of them are needed at the end. What is added first has the longest way.
std::string deep_assembly(unsigned values) {
    std::string text;
    for (unsigned i = 0; i < values; ++i) text += fmt::format("LD16 {}\n", i);
    for (unsigned i = 1; i < values; ++i) text += fmt::format("{}\n", i % 2 == 0 ? "ADD" : "MUL");
    return text + "RET\n";
}
// Nested to the right, so that each byte waits for what is inside.
std::string deep_lisp(unsigned values) {
    std::string text;
    for (unsigned i = 0; i < values; ++i)
        text += fmt::format("({} (u8 {}) ", i % 3 == 0 ? "^" : i % 3 == 1 ? "+" : "-", i);
    return text + "7" + std::string(values, ')');
}

void check_in_kernel(const VerifiedModule& program) {
    const auto interpreter = *instance_of(interpreter_program(program));
    for (const Hook hook : {Hook::xdp, Hook::tc}) {
        for (const uint64_t seed : {0, 1, 2, 3}) {
            const Program emitted =
                test::generated(program, {.hook = hook, .result_map = true, .register_seed = seed});
            Loaded loaded(emitted);
            Bytes packet = tcp_packet(400);
            for (unsigned round = 0; round < 3; ++round) {
                for (size_t i = 0; i < packet.size(); ++i)
                    packet[i] = static_cast<uint8_t>(i * 37 + round * 101 + 1);
                packet[12] = 8;
                packet[13] = 0;
                loaded.run(packet);
                BOOST_TEST(loaded.result().value == interpreter->run({.bytes = packet}).value);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(more_values_than_the_frame_holds_load_and_agree) {
    for (const unsigned values : {40u, 120u, 200u, 256u}) {
        check_in_kernel(test::assembled(deep_assembly(values)));
        check_in_kernel(lisp_program(deep_lisp(values - 1)));
    }
}

// Pointers into the packet, which no map holds.
BOOST_AUTO_TEST_CASE(more_pointers_than_the_frame_holds_load_and_agree) {
    std::string text = "PUSH8 0\n";
    for (unsigned i = 0; i < 150; ++i) text += fmt::format("LD8 {}\nLDX32 4\nXOR\n", i);
    for (unsigned i = 0; i < 150; ++i)
        text += fmt::format("LD8 {0}\nLDX8 5\nADD\nLD8 {0}\nLDX16 5\nXOR\n", i);
    check_in_kernel(test::assembled(text + "RET\n"));
}

// The verifier follows a value and its sum with a number, and has no such sums as offsets.
BOOST_AUTO_TEST_CASE(offsets_from_far_sums_load_and_agree) {
    for (const char* way : {"ADD", "SUB"})
        for (const char* load : {"LDX8 5", "LDX16 0", "LDX64 40"})
            check_in_kernel(test::assembled(
                fmt::format("LD64 0\nPICK 0\nPUSH32 600000000\n{}\n{}\nADD\nRET\n", way, load)));
    check_in_kernel(
        test::assembled("LD64 0\nPICK 0\nPUSH32 600000000\nADD\nLD8 3\nPUSH8 9\nJGT small\n"
                        "PUSH8 1\nADD\nsmall:\nLDX16 0\nADD\nRET\n"));
}

// As many in line were more than the kernel's jumps reach, or seconds of its time.
BOOST_AUTO_TEST_CASE(a_thousand_counts_load) {
    constexpr std::pair<const char*, unsigned> kKeys[] = {{"dst-ip", 1000},
                                                          {"(dst-ip src-port)", 700}};
    for (const auto& [key, counts] : kKeys) {
        std::string text = "(and";
        for (unsigned i = 0; i < counts; ++i)
            text += fmt::format("\n (or (!= src-ip 10.{}.{}.7) (< (count-by {}) {}))", i >> 8,
                                i & 255, key, 1000 + i);
        const Program program =
            test::generated(lisp_program(text + ")"), {.frames = Frames::linear});
        BOOST_TEST(program.subprograms.size() == 1u);
        BOOST_TEST(Loaded(program).info().verified_insns < 30'000u);
    }
}

// Each source's score, then how often a field was compared with a bound: states without number.
BOOST_AUTO_TEST_CASE(a_score_of_many_parts_loads) {
    constexpr std::string_view kFields[] = {"src-port", "dst-port", "src-ip",   "dst-ip",
                                            "ip-len",   "proto",    "tcp-flags"};
    std::string text = "(> (+";
    for (unsigned i = 0; i < 30; ++i)
        text += fmt::format(" (if (and (> {} {}) (< {} {})) {} 0)", kFields[i % 7], 3 * i + 1,
                            kFields[(i + 1) % 7], 7 * i + 9, i + 1);
    const VerifiedModule program = lisp_program(text + ") 30)");
    const auto interpreter = *instance_of(interpreter_program(program));
    const Program emitted = test::generated(program, {.result_map = true});
    Loaded loaded(emitted);
    BOOST_TEST(loaded.info().verified_insns < 10'000u);
    for (unsigned round = 0; round < 20; ++round) {
        Bytes packet = tcp_packet();
        for (size_t i = 14; i < packet.size(); ++i)
            packet[i] = static_cast<uint8_t>((i * 31 + round * 57) % 97);
        loaded.run(packet);
        BOOST_TEST(loaded.result().value == interpreter->run({.bytes = packet}).value);
    }
}

// Bytes that are compared with numbers, each way with fuel of its own to count.
BOOST_AUTO_TEST_CASE(thousands_of_tests_with_fuel_load) {
    std::string text = ".fuel 8000\n";
    for (unsigned i = 0; i < 2000; ++i)
        text +=
            fmt::format("LD8 {}\nPUSH8 {}\nJEQ l{}\nPUSH8 1\nPOP\nl{}:\n", i % 60, i % 250, i, i);
    const Program program =
        test::generated(test::assembled(text + "PUSH8 1\nRET\n"), {.frames = Frames::linear});
    BOOST_TEST(Loaded(program).info().verified_insns < 60'000u);
}

// Fuel that is tested where it cannot run out made the kernel look at all of it ten thousand times.
BOOST_AUTO_TEST_CASE(a_chain_of_jumps_takes_no_fuel) {
    std::string text;
    for (unsigned i = 0; i < 9000; ++i) text += fmt::format("JMP l{0}\nl{0}:\n", i);
    const VerifiedModule program = test::assembled("PUSH 1\nPOP\n" + text + "LD8 0\nRET\n");
    BOOST_TEST(test::generated(program).insns.size() < 100u);
}

// A table of each kind of access, each access once in the program and called.
BOOST_AUTO_TEST_CASE(shared_accesses_agree) {
    const VerifiedModule program = lisp_program(
        "(deftable seen :key (u64 u64) :capacity 100)\n"
        "(define old (flow-get seen (src-ip 7)))\n"
        "(+ (count-by src-ip) (* 10 (count-by (src-ip dst-port))) (* 100 old)\n"
        "   (flow-set! seen (src-ip 7) (+ 3 old)) (if (rate dst-ip 2) 1000 0))");
    const auto interpreter = *instance_of(interpreter_program(program));
    const Program emitted =
        test::generated(program, {.result_map = true, .shared = SharedCode::always});
    BOOST_TEST(emitted.subprograms.size() > 0u);
    Loaded loaded(emitted);
    for (unsigned round = 0; round < 3; ++round) {
        const Bytes packet = tcp_packet();
        loaded.run(packet);
        BOOST_TEST(loaded.result().value == interpreter->run({.bytes = packet}).value);
    }
}

BOOST_AUTO_TEST_CASE(thousands_of_values_load) {
    std::string text = "PUSH8 0\n";
    for (unsigned i = 0; i < 5000; ++i) text += fmt::format("LD16 {}\nADD\n", i);
    for (unsigned i = 0; i < 5000; ++i) text += fmt::format("LD16 {}\nXOR\n", i);
    const Program program = test::generated(test::assembled(text + "RET\n"));
    Loaded loaded(program);
    BOOST_TEST(loaded.info().verified_insns < 4 * program.insns.size());
}

// Packets of fewer than 14 bytes the kernel takes in no test run.
void kernel_agrees(const test::SearchCase& one) {
    Loaded loaded(test::generated(one.program, {.frames = Frames::linear}));
    auto reference = *instance_of(interpreter_program(one.program));
    for (Bytes packet : one.packets) {
        packet.resize(std::max<size_t>(packet.size(), 14));
        const Outcome outcome = reference->run({.bytes = packet});
        const bool drops = outcome.error == ErrorKind::success && outcome.value == 0;
        BOOST_REQUIRE_MESSAGE(loaded.run(packet) == (drops ? XDP_DROP : XDP_PASS), one.name);
    }
}

BOOST_AUTO_TEST_CASE(sets_and_chains_are_tables) {
    test::for_each_set(10'000, kernel_agrees);
    test::for_each_wide_set(kernel_agrees);
    test::for_each_chain(kernel_agrees);
    test::for_each_list(kernel_agrees);
}

BOOST_AUTO_TEST_CASE(rows_of_rules_are_looked_through) {
    test::for_each_rows([](const test::RowsCase& one) {
        for (const SharedCode shared : {SharedCode::by_use, SharedCode::always}) {
            const Program emitted = test::generated(
                one.program, {.frames = Frames::linear, .result_map = true, .shared = shared});
            Loaded loaded(emitted);
            auto reference = *instance_of(interpreter_program(one.program));
            for (size_t i = 0; i < one.packets.size(); i += 10) {
                const uint64_t expected = reference->run({.bytes = one.packets[i]}).value;
                loaded.forget_result();
                loaded.run(one.packets[i]);
                const uint64_t value = loaded.result().value;
                BOOST_REQUIRE_MESSAGE(value == expected, one.name << ", packet " << i << ": "
                                                                  << value << " instead of "
                                                                  << expected);
            }
        }
    });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
