// The table of engines, and the emitted program in all the ways a packet can lie before it.
#include "userspace/engines/engines.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>

#include "core/front/front.h"
#include "userspace/engines/bpf_engine.h"
#include "userspace/interp/interpreter.h"

// Designated initialisers name what a case is about; the rest keeps its default.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

namespace vfm {
BOOST_AUTO_TEST_SUITE(engines_test)

namespace {

using enum Opcode;

struct Op {
    Opcode op;
    uint64_t imm = 0;
};

VerifiedModule program_of(std::initializer_list<Op> ops, Module module = {}) {
    for (const Op& op : ops) encode(module.code, op.op, op.imm);
    auto program = verify(std::move(module));
    if (!program) BOOST_FAIL(program.error().reason);
    return *std::move(program);
}

VerifiedModule compiled(const std::string& expression) {
    const auto filter = load_expression(expression);
    BOOST_REQUIRE_MESSAGE(filter, expression);
    auto program = verify_filter(*filter);
    BOOST_REQUIRE(program);
    return *std::move(program);
}

/// A TCP packet in IPv4 with one option and `tags` VLAN tags.
Bytes tcp_packet(unsigned tags, uint8_t last_address) {
    Bytes out(12, 0x11);
    for (unsigned i = 0; i < tags; ++i)
        for (const unsigned byte : {0x81u, 0x00u, 0x20u, 5 + i})
            out.push_back(static_cast<uint8_t>(byte));
    const size_t ip = out.size() + 2;
    out.resize(ip + 24 + 20 + 10, 0x5a);
    out[ip - 2] = 0x08;
    out[ip - 1] = 0x00;
    out[ip] = 0x46;
    out[ip + 6] = out[ip + 7] = 0;
    out[ip + 9] = 6;
    out[ip + 15] = last_address;
    out[ip + 24 + 12] = 0x50;
    return out;
}

const std::vector<std::string> kExpressions = {
    "(= proto 6)",
    "(and (= proto 6) (< (count-by src-ip) 3))",
    "(if (= ethertype 0x0800) (+ ip-len tcp-flags) (/ 7 (- proto proto)))",
    "(* (count-by (& src-ip 0xff)) (count-by dst-port))",
    "(% src-ip (& src-port 0xff))",
    "(or (> dst-port 1024) (<< src-ip 40) (>> dst-ip 3))",
};

std::vector<VerifiedModule> programs() {
    std::vector<VerifiedModule> out;
    for (const std::string& expression : kExpressions) out.push_back(compiled(expression));
    for (unsigned what = 0; what < kHeaderFacts; ++what)
        out.push_back(program_of({{HDR, what}, {RET}}));
    out.push_back(program_of({{HASH5}, {PUSH8, 1}, {FLOW_ADD, 0}, {HASH5}, {ADD}, {RET}}));
    out.push_back(program_of({{LEN}, {PUSH8, 1}, {SUB}, {LDX8, 0}, {RET}}));
    out.push_back(program_of({{LD8, 14}, {PUSH8, 15}, {AND}, {LDX32, 20}, {LDX64, 0}, {RET}}));
    out.push_back(program_of({{LEN}, {RET}}));
    return out;
}

void check_same(Instance& reference, Instance& other, const Packet& packet,
                const std::string& what) {
    const Outcome expected = reference.run(packet), got = other.run(packet);
    BOOST_REQUIRE_MESSAGE((expected == got), what << ", " << packet.bytes.size()
                                                  << " bytes: " << expected.value << " "
                                                  << error_name(expected.error) << ", got "
                                                  << got.value << " " << error_name(got.error));
}

std::vector<FlowEntry> sorted_flows(const Instance& engine) {
    std::vector<FlowEntry> flows = engine.flows();
    std::ranges::sort(flows);
    return flows;
}

std::unique_ptr<Instance> must(Result<std::unique_ptr<Instance>> engine) {
    if (!engine) BOOST_FAIL(render(engine.error().diagnostics));
    return *std::move(engine);
}

BOOST_AUTO_TEST_CASE(the_reference_is_the_first_row) {
    BOOST_TEST(engine_kinds().front().name == "steps");
    for (const EngineKind& kind : engine_kinds()) {
        BOOST_TEST(find_engine(kind.name) == &kind);
        if (!kind.missing().empty()) continue;
        const auto engine = must(kind.make(compiled("(= proto 6)")));
        BOOST_TEST(engine->name() == kind.name);
    }
    BOOST_TEST(!find_engine("all"));
    BOOST_TEST(!find_engine(""));
}

BOOST_AUTO_TEST_CASE(emitted_programs_match_on_packets_cut_anywhere) {
    const std::vector<VerifiedModule> all = programs();
    for (size_t i = 0; i < all.size(); ++i) {
        for (const bpf::Hook hook : {bpf::Hook::xdp, bpf::Hook::tc}) {
            for (const size_t linear : {SIZE_MAX, size_t{0}, size_t{14}, size_t{37}}) {
                const auto reference = must(instance_of(interpreter_program(all[i])));
                const auto other =
                    must(instance_of(bpf_program(all[i], {.hook = hook, .linear = linear})));
                const std::string what = "program " + std::to_string(i) + " at " +
                                         std::string(bpf::hook_name(hook)) + ", linear " +
                                         std::to_string(linear);
                for (const unsigned tags : {0u, 1u, 2u, 3u}) {
                    const Bytes packet = tcp_packet(tags, static_cast<uint8_t>(tags));
                    for (size_t size = 0; size <= packet.size(); ++size)
                        check_same(*reference, *other, {.bytes = ByteView(packet).first(size)},
                                   what);
                }
                BOOST_TEST((sorted_flows(*reference) == sorted_flows(*other)));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(registers_may_be_given_out_differently) {
    for (const VerifiedModule& program : programs()) {
        for (uint64_t seed = 1; seed <= 5; ++seed) {
            const auto reference = must(instance_of(interpreter_program(program)));
            const auto other = must(instance_of(bpf_program(program, {.register_seed = seed})));
            const Bytes packet = tcp_packet(0, 1);
            for (size_t size = 0; size <= packet.size(); size += 3)
                check_same(*reference, *other, {.bytes = ByteView(packet).first(size)}, "seed");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_tag_in_the_metadata_is_found_like_one_in_the_bytes) {
    for (unsigned what = 0; what < kHeaderFacts; ++what) {
        const VerifiedModule program = program_of({{HDR, what}, {RET}});
        const auto reference = must(instance_of(interpreter_program(program)));
        const auto other = must(
            instance_of(bpf_program(program, {.hook = bpf::Hook::tc, .vlan_in_metadata = true})));
        for (const unsigned tags : {0u, 1u, 2u, 3u}) {
            const Bytes packet = tcp_packet(tags, 1);
            const uint64_t expected = reference->run({.bytes = packet}).value;
            // Offsets count the bytes that are there: without the outer tag.
            const bool moved = what <= 2 && tags > 0 && expected != UINT64_MAX;
            BOOST_TEST(other->run({.bytes = packet}).value == expected - (moved ? 4 : 0));
        }
    }
    const VerifiedModule hash = program_of({{HASH5}, {RET}});
    const auto reference = must(instance_of(interpreter_program(hash)));
    const auto other =
        must(instance_of(bpf_program(hash, {.hook = bpf::Hook::tc, .vlan_in_metadata = true})));
    for (const unsigned tags : {0u, 1u, 2u})
        check_same(*reference, *other, {.bytes = tcp_packet(tags, 7)}, "hash5");
}

BOOST_AUTO_TEST_CASE(large_packets_are_cut_by_the_emitted_program) {
    Bytes packet(70000);
    packet[65534] = 5;
    for (const bpf::Hook hook : {bpf::Hook::xdp, bpf::Hook::tc}) {
        for (const VerifiedModule& program :
             {program_of({{LEN}, {RET}}), program_of({{LD8, 65534}, {RET}}),
              program_of({{LD8, 65535}, {RET}}), program_of({{LD16, 65534}, {RET}}),
              program_of({{PUSH32, 66000}, {LDX8, 0}, {RET}})}) {
            const auto reference = must(instance_of(interpreter_program(program)));
            const auto other =
                must(instance_of(bpf_program(program, {.hook = hook, .linear = 200})));
            check_same(*reference, *other, {.bytes = packet}, "large");
        }
    }
}

BOOST_AUTO_TEST_CASE(verdicts_of_errors_are_as_the_operator_says) {
    // The engine checks each verdict against its result, so running is the test.
    const VerifiedModule program = compiled("(= proto 6)");
    for (const bool drop : {false, true}) {
        const auto engine = must(instance_of(bpf_program(program, {.drop_on_error = drop})));
        BOOST_TEST(int(engine->run({}).error) == int(ErrorKind::bounds));
        BOOST_TEST(engine->run({.bytes = tcp_packet(0, 1)}).value == 1u);
    }
}

BOOST_AUTO_TEST_CASE(full_tables_refuse_alike) {
    Module module;
    module.tables = {{.name = "t", .capacity = 3, .eviction = Eviction::none}};
    const VerifiedModule program = program_of({{LEN}, {PUSH8, 2}, {FLOW_ADD, 0}, {RET}}, module);
    const auto reference = must(instance_of(interpreter_program(program)));
    const auto other = must(instance_of(bpf_program(program)));
    const Bytes packet(64);
    std::mt19937 random(1);
    for (int i = 0; i < 200; ++i)
        check_same(*reference, *other, {.bytes = ByteView(packet).first(20 + random() % 8)},
                   "full");
    BOOST_TEST(reference->refused_stores() > 0u);
    BOOST_TEST(other->refused_stores() == reference->refused_stores());
    BOOST_TEST((sorted_flows(*reference) == sorted_flows(*other)));
}

BOOST_AUTO_TEST_CASE(full_tables_evict_the_same_entries) {
    Module module;
    module.tables = {{.name = "t", .capacity = 3, .eviction = Eviction::lru}};
    const VerifiedModule program = program_of({{LEN}, {PUSH8, 2}, {FLOW_ADD, 0}, {RET}}, module);
    const auto reference = must(instance_of(interpreter_program(program)));
    const auto other = must(instance_of(bpf_program(program)));
    const Bytes packet(64);
    std::mt19937 random(2);
    for (int i = 0; i < 200; ++i)
        check_same(*reference, *other, {.bytes = ByteView(packet).first(20 + random() % 8)}, "lru");
    BOOST_TEST((sorted_flows(*reference) == sorted_flows(*other)));
}

BOOST_AUTO_TEST_CASE(a_cycle_with_too_much_fuel_is_refused_with_its_place) {
    // LEN, PUSH8 0, JNE back to the start
    Module module;
    module.fuel = 2000000;
    const VerifiedModule program = program_of(
        {{LEN}, {PUSH8, 0}, {JNE, static_cast<uint64_t>(int64_t{-6})}, {LEN}, {RET}}, module);
    const auto engine = instance_of(bpf_program(program));
    BOOST_REQUIRE(!engine);
    BOOST_TEST(int(engine.error().status) == int(Status::refused));
    BOOST_TEST(engine.error().diagnostics.front().message.starts_with("eBPF: "));
    BOOST_TEST(engine.error().diagnostics.front().offset.has_value());
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm

#pragma GCC diagnostic pop
