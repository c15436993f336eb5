// Several filters in one program, on the user-space machine.
#include <fmt/core.h>

#include <cstring>

#include "bpfgen/hook.h"
#include "bpfgen/listing.h"
#include "bpfgen/source_lines.h"
#include "tests/unit/bpfgen/machine.h"
#include "tests/unit/bpfgen/units.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(units_test)

namespace {

Program composed(std::span<const Unit> units, const Options& options = {}) {
    auto made = generate(units, options);
    if (!made) BOOST_FAIL(render(made.error().failure.diagnostics));
    return *std::move(made);
}

template <class T>
T unit_value(const ebpf::Machine& machine, const Program& program, MapRole role, uint32_t unit) {
    T value{};
    for (size_t i = 0; i < program.maps.size(); ++i) {
        const Map& map = program.maps[i];
        if (map.role != role) continue;
        if (role == MapRole::result)
            std::memcpy(&value, machine.map(i).value(unit), sizeof value);
        else if (map.unit == unit)
            std::memcpy(&value, machine.map(i).value(0), sizeof value);
    }
    return value;
}

void check_tables(const ebpf::Machine& machine, const Program& program, const test::Chain& chain,
                  uint32_t unit) {
    std::vector<FlowEntry> flows;
    for (size_t i = 0; i < program.maps.size(); ++i) {
        const Map& map = program.maps[i];
        if (map.unit != unit) continue;
        if (map.role == MapRole::flow) {
            machine.map(i).for_each([&](ByteView key, ByteView value) {
                std::vector<uint64_t> words(key.size() / sizeof(uint64_t));
                std::memcpy(words.data(), key.data(), key.size());
                flows.push_back({map.table, FlowKey(words), load_le<uint64_t>(value.data())});
            });
        }
    }
    const auto counted = test::counters_in(machine, program, chain.module(unit), unit);
    BOOST_TEST((counted == chain.instance(unit).counters()));
    std::vector<FlowEntry> expected = chain.instance(unit).flows();
    std::ranges::sort(flows);
    std::ranges::sort(expected);
    BOOST_TEST((flows == expected));
}

constexpr uint64_t kCutAll = 1;  // each filter is a program of its own

struct Shape {
    Hook hook;
    Frames frames;
    uint64_t seed;
    uint64_t most_processed = Options().most_processed;
    LoopForm loops = LoopForm::bounded;
};
constexpr Shape kShapes[] = {
    {Hook::xdp, Frames::linear, 0},
    {Hook::xdp, Frames::any, 0},
    {Hook::tc, Frames::any, 3},
    {Hook::xdp, Frames::linear, 9},
    {Hook::xdp, Frames::linear, 4, Options().most_processed, LoopForm::bpf_loop},
    {Hook::tc, Frames::any, 0, Options().most_processed, LoopForm::bpf_loop},
    {Hook::xdp, Frames::any, 2, kCutAll, LoopForm::bpf_loop},
    {Hook::xdp, Frames::any, 0, kCutAll},
    {Hook::tc, Frames::any, 5, kCutAll},
    {Hook::xdp, Frames::linear, 0, kCutAll},
    {Hook::xdp, Frames::linear, 7, 300}};

BOOST_AUTO_TEST_CASE(random_groups_are_judged_as_one_after_the_other) {
    unsigned refused = 0;
    size_t reached_later = 0, led_on = 0;
    constexpr unsigned kGroups = 120;
    for (unsigned index = 0; index < kGroups; ++index) {
        test::Rng rng(4711, index);
        const test::Group group =
            test::random_group(rng, {.loops = rng.one_in(4), .small_fuel = rng.one_in(4)});
        std::vector<Bytes> packets;
        for (unsigned i = 0; i < 12; ++i) packets.push_back(test::random_packet(rng));
        for (const Shape& shape : kShapes) {
            const auto program = generate(group.units, {.hook = shape.hook,
                                                        .frames = shape.frames,
                                                        .result_map = true,
                                                        .loops = shape.loops,
                                                        .most_processed = shape.most_processed,
                                                        .register_seed = shape.seed});
            if (!program) {
                BOOST_TEST((program.error().failure.status == Status::refused));
                ++refused;
                continue;
            }
            led_on += program->later.size();
            ebpf::Machine machine = test::machine_of(*program);
            test::Chain chain(group.units);
            for (const Bytes& packet : packets) {
                const size_t linear = shape.frames == Frames::linear || rng.one_in(2)
                                          ? SIZE_MAX
                                          : rng.below(packet.size() + 1);
                const auto verdict = machine.run({.bytes = packet, .linear = linear});
                if (!verdict)
                    BOOST_FAIL("group " << index << ": insn " << verdict.error().pc << ": "
                                        << verdict.error().reason);
                const auto judged = chain.run(packet);
                const HookFacts& hook = hook_facts(shape.hook);
                BOOST_TEST(static_cast<int32_t>(*verdict) ==
                           (judged.drops ? hook.drop : hook.pass));
                for (const auto& [unit, outcome] : judged.steps) {
                    const auto result =
                        unit_value<vfm_result>(machine, *program, MapRole::result, unit);
                    BOOST_REQUIRE_MESSAGE(result.value == outcome.value &&
                                              result.error == static_cast<int>(outcome.error),
                                          "group " << index << " unit " << unit);
                }
                reached_later += judged.steps.size() - 1;
            }
            for (uint32_t unit = 0; unit < group.units.size(); ++unit) {
                auto counted = unit_value<vfm_stats>(machine, *program, MapRole::stats, unit);
                counted.scratch = counted.length = 0;
                const vfm_stats expected = chain.stats(unit);
                BOOST_TEST(std::memcmp(&counted, &expected, sizeof counted) == 0,
                           "group " << index << " unit " << unit);
                check_tables(machine, *program, chain, unit);
            }
        }
    }
    BOOST_TEST(refused < kGroups / 4);
    BOOST_TEST(reached_later > kGroups);
    BOOST_TEST(led_on > 3 * kGroups);
}

BOOST_AUTO_TEST_CASE(one_unit_is_what_it_is_alone) {
    for (unsigned index = 0; index < 60; ++index) {
        test::Rng rng(815, index);
        const VerifiedModule module = test::verified(test::random_program(rng));
        const Unit unit{.module = &module, .name = "web", .priority = 7};
        for (const Frames frames : {Frames::linear, Frames::any}) {
            const auto alone = generate(module, {.frames = frames});
            const auto one = generate(std::span(&unit, 1), {.frames = frames});
            BOOST_TEST_REQUIRE(alone.has_value() == one.has_value());
            if (alone) BOOST_TEST((write_elf(*alone) == write_elf(*one)));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_drop_ends_and_a_log_leads_on) {
    const VerifiedModule drops = test::assembled("PUSH 0\nRET\n"),
                         logs = test::assembled("PUSH 2\nRET\n"),
                         fails = test::assembled("LD8 60000\nRET\n");
    const Unit units[] = {{.module = &drops, .name = "drops", .priority = 60},
                          {.module = &logs, .name = "logs"},
                          {.module = &fails, .name = "fails"},
                          {.module = &logs, .name = "never", .priority = 61}};
    const Program program = composed(units);
    ebpf::Machine machine = test::machine_of(program);
    const Bytes packet(64);
    BOOST_TEST(machine.run({.bytes = packet}).value() == uint64_t{XDP_DROP});
    const auto stats = [&](uint32_t unit) {
        return unit_value<vfm_stats>(machine, program, MapRole::stats, unit);
    };
    BOOST_TEST((stats(1).packets == 1 && stats(1).log == 1 && stats(1).pass == 0));
    BOOST_TEST((stats(2).packets == 1 && stats(2).pass == 1 && stats(2).errors[6] == 1));
    BOOST_TEST((stats(0).packets == 1 && stats(0).drop == 1 && stats(0).bytes == 64));
    BOOST_TEST(stats(3).packets == 0u);
}

std::ptrdiff_t clock_reads(const Program& program) {
    return std::ranges::count_if(program.insns, [](const bpf_insn& insn) {
        return insn.code == (BPF_JMP | BPF_CALL) && insn.imm == BPF_FUNC_ktime_get_ns;
    });
}

BOOST_AUTO_TEST_CASE(all_units_have_one_reading_of_the_clock) {
    const VerifiedModule first = test::assembled("NOW\nRET\n");
    const Unit units[] = {{.module = &first, .name = "a"}, {.module = &first, .name = "b"}};
    for (const size_t count : {1, 2})
        BOOST_TEST(clock_reads(composed(std::span(units).first(count))) == 1);
    const Unit three[] = {units[0], {.module = &first, .name = "c", .priority = 0}, units[1]};
    for (const uint64_t most : {Options().most_processed, kCutAll}) {
        const Program program = composed(three, {.result_map = true, .most_processed = most});
        ebpf::Machine machine = test::machine_of(program);
        const Bytes packet(64);
        BOOST_TEST(machine.run({.bytes = packet, .timestamp = 12345}).has_value());
        for (const uint32_t unit : {0u, 1u, 2u})
            BOOST_TEST(unit_value<vfm_result>(machine, program, MapRole::result, unit).value ==
                       12345u);
        BOOST_TEST(clock_reads(program) == 1);
    }
}

BOOST_AUTO_TEST_CASE(maps_carry_the_name_of_the_file) {
    const VerifiedModule counts =
        test::assembled(".table src-ip key=ipv4\nPUSH 1\nFLOW_GET 0\nRET\n");
    const Unit units[] = {{.module = &counts, .name = "web-server-a"},
                          {.module = &counts, .name = "web-server-b"},
                          {.module = &counts, .name = "dns"}};
    std::vector<std::string> names;
    std::vector<uint32_t> owners;
    for (const Map& map : composed(units).maps) {
        names.push_back(map.name);
        owners.push_back(map.unit);
    }
    const std::vector<std::string> expected = {"web_ser_stats",  "web_ser_src_ip", "web_s_2_stats",
                                               "web_s_2_src_ip", "dns_stats",      "dns_src_ip"};
    BOOST_TEST(names == expected, boost::test_tools::per_element());
    BOOST_TEST((owners == std::vector<uint32_t>{0, 0, 1, 1, 2, 2}));
}

BOOST_AUTO_TEST_CASE(lines_are_those_of_each_file) {
    test::Group group;
    for (const std::string name : {"a", "b"}) {
        auto compiled = lisp::compile(std::make_shared<const SourceFile>(
            name + ".vfl", name == "a" ? "(= proto 17)" : "\n(= ethertype 2048)"));
        BOOST_TEST_REQUIRE(compiled.has_value());
        group.add(test::verified(std::move(compiled->module)), {.name = name});
    }
    const Program program = composed(group.units);
    const std::vector<SourceFile> files = source_files(program);
    for (const LineInfo& line : program.lines) {
        BOOST_TEST(files[line.file].name() == (line.unit == 0 ? "a.vfl" : "b.vfl"));
        BOOST_TEST(line.position.line == (line.unit == 0 ? 1u : 2u));
    }
    const std::string listing = print_listing(program);
    const size_t first = listing.find("; filter a\n"), second = listing.find("; filter b\n");
    BOOST_TEST((first == 0 && second != std::string::npos));
    BOOST_TEST(listing.find("; b.vfl:2: (= ethertype 2048)") > second);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused_with_its_unit) {
    const VerifiedModule good = test::assembled("PUSH 1\nRET\n"),
                         calls = test::assembled(".import f args=0\nCALL 0\nRET\n");
    const Unit with_call[] = {{.module = &good, .name = "good"}, {.module = &calls, .name = "bad"}};
    const auto called = generate(with_call, {});
    BOOST_TEST_REQUIRE(!called.has_value());
    BOOST_TEST(called.error().unit == 1u);

    std::string tables;
    for (int i = 0; i < 64; ++i) tables += fmt::format(".table t{} key=ipv4\n", i);
    for (int i = 0; i < 64; ++i) tables += fmt::format("PUSH 1\nFLOW_GET {}\nPOP\n", i);
    const VerifiedModule full = test::assembled(tables + "PUSH 1\nRET\n");
    const Unit with_tables[] = {{.module = &good, .name = "good"},
                                {.module = &full, .name = "full"}};
    const auto refused = generate(with_tables, {});
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST(refused.error().unit == 1u);
    BOOST_TEST(refused.error().failure.diagnostics[0].message.find("needs 65 maps") !=
               std::string::npos);

    std::vector<Unit> many(35, {.module = &good, .name = "a"});
    BOOST_TEST(composed(many).later.empty());
    const auto too_many = generate(many, {.most_processed = kCutAll});
    BOOST_TEST_REQUIRE(!too_many.has_value());
    BOOST_TEST(too_many.error().unit == 34u);
    BOOST_TEST(too_many.error().failure.diagnostics[0].message ==
               "eBPF: the filters need 35 programs, the kernel runs 34 one behind the other: this "
               "filter begins the next");
    many.pop_back();
    BOOST_TEST(composed(many, {.most_processed = kCutAll}).later.size() == 33u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
