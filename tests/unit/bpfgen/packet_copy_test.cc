// Packets of which not all that the filter wants is linear: one call of a helper each, whatever the
// number of accesses, nothing done twice, and what the other packets pay for them.
#include <fmt/core.h>

#include <cstring>

#include "bpf/vfm_abi.h"
#include "bpfgen/hook.h"
#include "bpfgen/packet_copy.h"
#include "tests/unit/bpfgen/machine.h"
#include "userspace/interp/interpreter.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(packet_copy_test)

namespace {

constexpr Hook kHooks[] = {Hook::xdp, Hook::tc};

bool copies(const Program& program) {
    return std::ranges::count(program.maps, MapRole::packet, &Map::role) == 1;
}

std::string loads(unsigned number) {
    std::string text = "PUSH8 0\n";
    for (unsigned i = 0; i < number; ++i) text += fmt::format("LD8 {}\nADD\n", 3 + 2 * i);
    return text + "RET\n";
}

VerifiedModule compiled_filter(const std::string& text) {
    auto made = lisp::compile(std::make_shared<const SourceFile>("filter.vfl", text));
    if (!made) BOOST_FAIL(render(made.error().diagnostics));
    return test::verified(std::move(made->module));
}

uint64_t calls(const Program& program, ByteView packet, size_t linear) {
    ebpf::Machine machine = test::machine_of(program);
    BOOST_TEST(machine.run({.bytes = packet, .linear = linear}).has_value());
    return machine.calls();
}

// The copy's address and its bytes.
BOOST_AUTO_TEST_CASE(a_packet_takes_one_load_whatever_the_number_of_accesses) {
    Bytes packet = test::tcp_packet(443, 200);
    const std::string texts[] = {loads(1), loads(2), loads(10), loads(90),
                                 "LD8 14\nPUSH8 15\nAND\nPUSH8 2\nSHL\nDUP\nLDX16 16\nSWAP\n"
                                 "LDX32 18\nADD\nRET\n"};
    for (const Hook hook : kHooks) {
        for (const std::string& text : texts) {
            const Program program =
                test::generated(test::assembled(text), {.hook = hook, .result_map = true});
            BOOST_TEST(copies(program));
            const uint64_t usual = calls(program, packet, packet.size());
            for (const size_t linear : {size_t{0}, size_t{3}})
                BOOST_TEST(calls(program, packet, linear) == usual + 2);
        }
        const Program port = test::generated(compiled_filter("(= tcp.dport 443)"), {.hook = hook});
        const uint64_t usual = calls(port, packet, packet.size());
        BOOST_TEST(calls(port, packet, 60) == usual);  // all that it wants is linear
        for (const size_t linear : {size_t{0}, size_t{14}, size_t{37}})
            BOOST_TEST(calls(port, packet, linear) == usual + 2);
    }
}

BOOST_AUTO_TEST_CASE(what_lies_behind_a_first_copy_takes_a_second) {
    const VerifiedModule filter = compiled_filter("(= (u8 tcp.payload 700) 0x41)");
    Bytes packet = test::tcp_packet(443, 1400);
    packet[754] = 0x41;
    for (const Hook hook : kHooks) {
        const Program program = test::generated(filter, {.hook = hook});
        BOOST_REQUIRE(copies(program));
        const uint64_t usual = calls(program, packet, packet.size());
        BOOST_TEST(calls(program, packet, 755) == usual);
        for (const size_t linear : {size_t{0}, size_t{54}, size_t{600}, size_t{754}}) {
            BOOST_TEST(calls(program, packet, linear) == usual + 4);
            ebpf::Machine machine = test::machine_of(program);
            const HookFacts& facts = hook_facts(hook);
            const auto verdict = machine.run({.bytes = packet, .linear = linear});
            BOOST_TEST(static_cast<int32_t>(verdict.value()) == facts.pass);
            Bytes other = packet;
            other[754] = 0x42;
            const auto dropped = machine.run({.bytes = other, .linear = linear});
            BOOST_TEST(static_cast<int32_t>(dropped.value()) == facts.drop);
        }
    }
}

// Beside a program for linear frames: where the context is, and the length as the hook gives it.
BOOST_AUTO_TEST_CASE(other_packets_pay_two_stores) {
    const Bytes packet = test::tcp_packet(443, 200);
    const std::string texts[] = {loads(1), loads(20), "LD8 14\nPUSH8 15\nAND\nLDX8 1\nRET\n"};
    for (const std::string& text : texts) {
        const VerifiedModule program = test::assembled(text);
        const auto steps = [&](const Options& options) {
            ebpf::Machine machine = test::machine_of(test::generated(program, options));
            BOOST_TEST(machine.run({.bytes = packet}).has_value());
            return machine.steps();
        };
        const uint64_t linear = steps({.frames = Frames::linear});
        BOOST_TEST(steps({.hook = Hook::tc}) <= linear + 2);
        BOOST_TEST(steps({.hook = Hook::xdp}) <= linear + 3);
    }
}

// What is done before bytes are found missing is not done again.
BOOST_AUTO_TEST_CASE(effects_are_made_once) {
    const std::string texts[] = {
        ".table t\nPUSH8 7\nPUSH8 1\nFLOW_ADD 0\nLD8 150\nADD\nRET\n",
        ".table t\nLD8 3\nPOP\nPUSH8 7\nPUSH8 1\nFLOW_ADD 0\nLD8 14\nPUSH8 15\nAND\nLDX8 140\nADD\n"
        "RET\n",
        ".table t\nPUSH8 7\nDUP\nFLOW_GET 0\nPUSH8 1\nADD\nFLOW_SET 0\nLD32 190\nRET\n",
        ".table t\n.counters c\n.counter 1 f a\nPUSH8 0\nCOUNT 0\nPUSH8 7\nPUSH8 1\nFLOW_ADD "
        "0\nPOP\n"
        "LD8 20\nLD8 600\nADD\nRET\n",
        ".table t\n.fuel 40\nPUSH8 5\nagain:\nPUSH8 7\nPUSH8 1\nFLOW_ADD 0\nPOP\nDUP\nLDX8 "
        "100\nPOP\n"
        "PUSH8 1\nSUB\nDUP\nPUSH8 0\nJNE again\nLD8 170\nADD\nRET\n"};
    Bytes packet(200);
    for (size_t i = 0; i < packet.size(); ++i) packet[i] = static_cast<uint8_t>(11 * i + 5);
    for (const std::string& text : texts) {
        const VerifiedModule program = test::assembled(text);
        for (const Hook hook : kHooks) {
            for (size_t linear = 0; linear <= packet.size(); linear += 10) {
                const Program emitted =
                    test::generated(program, {.hook = hook, .result_map = true});
                ebpf::Machine machine = test::machine_of(emitted);
                auto reference = *instance_of(interpreter_program(program));
                const Outcome expected = reference->run({.bytes = packet});
                BOOST_TEST(machine.run({.bytes = packet, .linear = linear}).has_value());
                for (size_t i = 0; i < emitted.maps.size(); ++i) {
                    const uint64_t key = 7;
                    uint64_t value = 0, packets = 0;
                    if (emitted.maps[i].role == MapRole::flow) {
                        const uint32_t slot =
                            machine.map(i).lookup(reinterpret_cast<const uint8_t*>(&key));
                        std::memcpy(&value, machine.map(i).value(slot), sizeof value);
                        BOOST_TEST(value == (text.contains("again") ? 3u : 1u));
                    }
                    if (emitted.maps[i].role == MapRole::counters) {
                        std::memcpy(&packets, machine.map(i).value(0), sizeof packets);
                        BOOST_TEST(packets == 1u);
                    }
                    if (emitted.maps[i].role != MapRole::result) continue;
                    vfm_result result{};
                    std::memcpy(&result, machine.map(i).value(0), sizeof result);
                    BOOST_TEST(result.value == expected.value);
                    BOOST_TEST(result.error == static_cast<int>(expected.error));
                }
            }
        }
    }
}

// At every length, with every part of it linear.
BOOST_AUTO_TEST_CASE(a_copy_ends_where_the_packet_ends) {
    const VerifiedModule program =
        compiled_filter("(or (= tcp.dport 443) (= (u8 tcp.payload 3) 0x41) (= (len) 61))");
    for (const Hook hook : kHooks) {
        const Program emitted = test::generated(program, {.hook = hook, .result_map = true});
        ebpf::Machine machine = test::machine_of(emitted);
        const size_t at = static_cast<size_t>(
            std::ranges::find(emitted.maps, MapRole::result, &Map::role) - emitted.maps.begin());
        for (size_t size = 0; size < 80; ++size) {
            Bytes packet = test::tcp_packet(80, 80);
            packet[57] = 0x41;
            packet.resize(size);
            const Outcome expected =
                (*instance_of(interpreter_program(program)))->run({.bytes = packet});
            for (size_t linear = 0; linear <= size; ++linear) {
                BOOST_TEST(machine.run({.bytes = packet, .linear = linear}).has_value());
                vfm_result result{};
                std::memcpy(&result, machine.map(at).value(0), sizeof result);
                BOOST_TEST(result.value == expected.value);
                BOOST_TEST(result.error == static_cast<int>(expected.error));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(who_may_look_further_than_a_copy_reaches_has_a_version_with_the_helper) {
    const auto of = [](const std::string& text) {
        return test::generated(test::assembled(text), {.hook = Hook::tc});
    };
    BOOST_TEST(copies(of(fmt::format("LD8 {}\nRET\n", kMostBytesCopied - 1))));
    BOOST_TEST(!copies(of(fmt::format("LD8 {}\nRET\n", kMostBytesCopied))));
    BOOST_TEST(!copies(of("LD16 0\nLDX8 0\nRET\n")));
    // A header that is not there is at ~0, behind every packet.
    BOOST_TEST(copies(of("HDR 1\nLDX8 0\nRET\n")));
    const Program port = test::generated(compiled_filter("(= tcp.dport 443)"), {.hook = Hook::tc});
    BOOST_REQUIRE(copies(port));
    // Eight headers of 2,048 bytes in front of the port.
    const auto map = std::ranges::find(port.maps, MapRole::packet, &Map::role);
    BOOST_TEST(map->value_size < 17'000u);
    BOOST_TEST(map->name == "vfm_packet");
}

BOOST_AUTO_TEST_CASE(no_filter_is_refused_for_want_of_a_map_for_copies) {
    std::string tables, code = "PUSH8 0\n";
    for (unsigned i = 0; i < 63; ++i) {
        tables += fmt::format(".table t{}\n", i);
        code += fmt::format("LD8 {}\nPUSH8 1\nFLOW_ADD {}\nADD\n", i, i);
    }
    const VerifiedModule program = test::assembled(tables + code + "RET\n");
    BOOST_TEST(!copies(test::generated(program)));
    BOOST_TEST(copies(test::generated(program, {.for_kernel = false})));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
