// Filters whose drops are carried out for a share of all flows, on the user-space machine.
#include <fmt/core.h>

#include <cstring>

#include "bpfgen/hook.h"
#include "tests/unit/bpfgen/machine.h"
#include "tests/unit/bpfgen/units.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(enforcement_test)

namespace {

struct Shape {
    Hook hook;
    Frames frames;
    Care care;
    LoopForm loops;
    uint64_t seed;
    uint64_t most_processed = Options().most_processed;
};
// A limit that cuts behind each unit.
constexpr uint64_t kCutAll = 1;
const Shape kShapes[] = {
    {Hook::xdp, Frames::linear, Care::where_needed, LoopForm::bounded, 0},
    {Hook::xdp, Frames::any, Care::where_needed, LoopForm::bpf_loop, 0},
    {Hook::tc, Frames::any, Care::never, LoopForm::may_goto, 3},
    {Hook::xdp, Frames::any, Care::always, LoopForm::bpf_loop, 9},
    {Hook::tc, Frames::any, Care::where_needed, LoopForm::bounded, 0, kCutAll}};

ptrdiff_t map_of(const Program& program, MapRole role, uint32_t unit) {
    return std::ranges::find_if(
               program.maps, [&](const Map& map) { return map.role == role && map.unit == unit; }) -
           program.maps.begin();
}

uint64_t element(const ebpf::Machine& machine, size_t map, uint32_t index) {
    return load_le<uint64_t>(machine.map(map).value(index));
}

void set_shares(ebpf::Machine& machine, const Program& program,
                const std::vector<uint64_t>& shares) {
    for (size_t i = 0; i < program.maps.size(); ++i)
        if (program.maps[i].role == MapRole::enforce)
            std::memcpy(machine.map(i).value(VFM_ENFORCE_SHARE), &shares[program.maps[i].unit], 8);
}

// Those that the machine counted, and what the rules say.
void check_would_drop(const ebpf::Machine& machine, const Program& program,
                      const test::Chain& chain, uint32_t unit, const std::string& where) {
    const auto at = static_cast<size_t>(map_of(program, MapRole::enforce, unit));
    std::vector<uint64_t> counted(chain.would_drop(unit).size());
    if (at < program.maps.size())
        for (uint32_t i = 0; i < counted.size(); ++i)
            counted[i] = element(machine, at, VFM_ENFORCE_WOULD_DROP + i);
    BOOST_TEST(counted == chain.would_drop(unit), where << boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_groups_drop_their_share) {
    unsigned refused = 0;
    uint64_t withheld = 0, by_rule = 0, dropped = 0, beyond_withheld = 0;
    constexpr unsigned kGroups = 60;
    for (unsigned index = 0; index < kGroups; ++index) {
        test::Rng rng(20261, index);
        test::Group group =
            test::random_group(rng, {.loops = rng.one_in(4), .small_fuel = rng.one_in(3)});
        std::vector<uint64_t> shares;
        for (Unit& unit : group.units) {
            unit.withholds = !rng.one_in(4);
            unit.drop_on_error = !rng.one_in(4);
            shares.push_back(rng.pick({uint64_t{0}, uint64_t{10000}, uint64_t{1}, uint64_t{500},
                                       uint64_t{5000}, uint64_t{9999}, rng.below(10001)}));
        }
        std::vector<Bytes> packets;
        for (unsigned i = 0; i < 24; ++i) packets.push_back(test::random_packet(rng));
        for (const Shape& shape : kShapes) {
            const auto program = generate(group.units, {.hook = shape.hook,
                                                        .frames = shape.frames,
                                                        .result_map = true,
                                                        .care = shape.care,
                                                        .loops = shape.loops,
                                                        .most_processed = shape.most_processed,
                                                        .register_seed = shape.seed});
            if (!program) {
                BOOST_TEST((program.error().failure.status == Status::refused));
                ++refused;
                continue;
            }
            ebpf::Machine machine = test::machine_of(*program);
            set_shares(machine, *program, shares);
            test::Chain chain(group.units, shares);
            const auto results =
                static_cast<size_t>(std::ranges::find(program->maps, MapRole::result, &Map::role) -
                                    program->maps.begin());
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
                BOOST_REQUIRE_MESSAGE(
                    static_cast<int32_t>(*verdict) == (judged.drops ? hook.drop : hook.pass),
                    "group " << index);
                for (const auto& [unit, outcome] : judged.steps) {
                    vfm_result result;
                    std::memcpy(&result, machine.map(results).value(unit), sizeof result);
                    BOOST_REQUIRE_MESSAGE(result.value == outcome.value &&
                                              result.error == static_cast<int>(outcome.error),
                                          "group " << index << " unit " << unit);
                }
                dropped += judged.drops;
            }
            for (uint32_t unit = 0; unit < group.units.size(); ++unit) {
                const std::string where = fmt::format("group {} unit {}", index, unit);
                vfm_stats counted{};
                const auto stats = static_cast<size_t>(map_of(*program, MapRole::stats, unit));
                if (stats < program->maps.size())
                    std::memcpy(&counted, machine.map(stats).value(0), sizeof counted);
                counted.scratch = counted.length = 0;
                const vfm_stats expected = chain.stats(unit);
                BOOST_TEST(std::memcmp(&counted, &expected, sizeof counted) == 0, where);
                check_would_drop(machine, *program, chain, unit, where);
                const std::vector<uint64_t>& sums = chain.would_drop(unit);
                withheld += sums[0];
                for (size_t i = 1; i < sums.size(); ++i) by_rule += sums[i];
                if (sums[0] > 0 && unit + 1 < group.units.size()) ++beyond_withheld;
            }
        }
    }
    BOOST_TEST_MESSAGE("withheld " << withheld << " by a rule " << by_rule << " dropped " << dropped
                                   << " refused " << refused);
    BOOST_TEST(refused < kGroups / 3);
    BOOST_TEST(withheld > 500u);
    BOOST_TEST(by_rule > 10u);
    BOOST_TEST(dropped > 500u);
    BOOST_TEST(beyond_withheld > 20u);
}

namespace {

// One filter, and the share of flows that it drops.
struct Single {
    VerifiedModule module;
    Program program;
    ebpf::Machine machine;
    size_t map;

    Single(VerifiedModule filter, Hook hook, uint64_t share)
        : module(std::move(filter)),
          program(test::generated(module, {.hook = hook, .withholds = true})),
          machine(test::machine_of(program)),
          map(static_cast<size_t>(map_of(program, MapRole::enforce, 0))) {
        set_shares(machine, program, {share});
    }
    int32_t run(ByteView packet, VlanTag tag = {}) {
        const auto verdict = machine.run({.bytes = packet, .vlan = tag});
        BOOST_REQUIRE(verdict.has_value());
        return static_cast<int32_t>(*verdict);
    }
    uint64_t counted(uint32_t index) { return element(machine, map, index); }
};

uint64_t flow_of(const Bytes& packet) {
    return hash5(packet, walk_headers(packet)) % VFM_ENFORCE_ALL;
}

}  // namespace

// One more or one less than the packet's own flow decides, whatever its headers are.
BOOST_AUTO_TEST_CASE(the_flow_of_each_packet) {
    const VerifiedModule drop = test::assembled("RET 0\n");
    for (const Hook hook : {Hook::xdp, Hook::tc}) {
        Single filter(drop, hook, 0);
        const HookFacts& facts = hook_facts(hook);
        test::Rng rng(77, 0);
        for (unsigned i = 0; i < 300; ++i) {
            const Bytes packet = test::random_packet(rng);
            const uint64_t flow = flow_of(packet);
            set_shares(filter.machine, filter.program, {flow});
            BOOST_REQUIRE(filter.run(packet) == facts.pass);
            set_shares(filter.machine, filter.program, {flow + 1});
            BOOST_REQUIRE(filter.run(packet) == facts.drop);
        }
    }
}

// Behind a tag that the hook holds in metadata HASH5 is that of the packet with its tag.
BOOST_AUTO_TEST_CASE(a_tag_in_metadata) {
    Bytes packet = test::tcp_packet(443, 80);
    const uint64_t flow = flow_of(packet);
    const VerifiedModule drop = test::assembled("RET 0\n");
    const VlanTag tag{.protocol = 0x8100, .tci = 7};
    BOOST_TEST(Single(drop, Hook::tc, flow).run(packet, tag) == tc_facts().pass);
    BOOST_TEST(Single(drop, Hook::tc, flow + 1).run(packet, tag) == tc_facts().drop);
}

BOOST_AUTO_TEST_CASE(nothing_is_dropped_before_somebody_says_so) {
    Single filter(test::assembled("RET 0\n"), Hook::xdp, 0);
    for (unsigned i = 0; i < 3; ++i)
        BOOST_TEST(filter.run(test::tcp_packet(80, 60)) == xdp_facts().pass);
    BOOST_TEST(filter.counted(VFM_ENFORCE_WOULD_DROP) == 3u);
    BOOST_TEST(filter.counted(VFM_ENFORCE_SHARE) == 0u);
    set_shares(filter.machine, filter.program, {VFM_ENFORCE_ALL});
    BOOST_TEST(filter.run(test::tcp_packet(80, 60)) == xdp_facts().drop);
    BOOST_TEST(filter.counted(VFM_ENFORCE_WOULD_DROP) == 3u);
}

// The second of two rule sets decides where the first one lets through; many counters are a map a
// group; what counts nothing is no rule's.
BOOST_AUTO_TEST_CASE(the_rule_that_decided_last) {
    for (const unsigned many : {2u, 1500u}) {
        std::string text;
        for (const std::string_view group : {"first", "second"}) {
            text += fmt::format(".counters {}\n", group);
            for (unsigned i = 0; i < many; ++i) text += fmt::format(".counter {} f a\n", i + 1);
        }
        // Of port 81 the first group's counter 1 is the last; of others the second group's, by the
        // packet's byte 0; of what has no port, none.
        text +=
            "LD16 36\nDUP\nPUSH8 80\nJLT none\nPUSH8 1\nCOUNT 0\nPUSH8 81\nJEQ drop\n"
            "LD8 0\nCOUNT 1\ndrop: PUSH8 0\nRET\nnone: POP\nRET 0\n";
        Single filter(test::assembled(text), Hook::xdp, 0);
        Bytes packet = test::tcp_packet(81, 60);
        for (unsigned i = 0; i < 2; ++i) filter.run(packet);
        packet = test::tcp_packet(82, 60);
        for (unsigned i = 0; i < 3; ++i) filter.run(packet);
        packet[0] = 1;
        for (unsigned i = 0; i < 4; ++i) filter.run(packet);
        packet[0] = 255;
        for (unsigned i = 0; i < 5; ++i) filter.run(packet);
        for (unsigned i = 0; i < 6; ++i) filter.run(test::tcp_packet(79, 60));
        BOOST_TEST(filter.counted(VFM_ENFORCE_WOULD_DROP) == 20u);
        BOOST_TEST(filter.counted(VFM_ENFORCE_RULES + 0) == 0u);
        // A counter beyond its group counts nowhere.
        const bool beyond = many <= 255;
        BOOST_TEST(filter.counted(VFM_ENFORCE_RULES + 1) == (beyond ? 7u : 2u));
        BOOST_TEST(filter.counted(VFM_ENFORCE_RULES + many) == 3u);
        BOOST_TEST(filter.counted(VFM_ENFORCE_RULES + many + 1) == 4u);
        if (!beyond) BOOST_TEST(filter.counted(VFM_ENFORCE_RULES + many + 255) == 5u);
    }
}

BOOST_AUTO_TEST_CASE(errors_that_would_drop_are_withheld) {
    const VerifiedModule far = test::assembled("LD8 200\nRET\n");
    const Bytes packet = test::tcp_packet(80, 60);
    for (const bool drops : {false, true}) {
        const Program program = test::generated(far, {.drop_on_error = drops, .withholds = true});
        ebpf::Machine machine = test::machine_of(program);
        BOOST_TEST(static_cast<int32_t>(*machine.run({.bytes = packet})) == xdp_facts().pass);
        const auto map = static_cast<size_t>(map_of(program, MapRole::enforce, 0));
        BOOST_TEST(element(machine, map, VFM_ENFORCE_WOULD_DROP) == (drops ? 1u : 0u));
        vfm_stats stats;
        std::memcpy(&stats,
                    machine.map(static_cast<size_t>(map_of(program, MapRole::stats, 0))).value(0),
                    sizeof stats);
        BOOST_TEST((stats.pass == 1 && stats.drop == 0 && stats.errors[6] == 1));
    }
}

// Who writes the share need not know what the filter does.
BOOST_AUTO_TEST_CASE(a_filter_that_drops_nothing_has_a_share) {
    Single filter(test::assembled("RET 1\n"), Hook::xdp, 500);
    BOOST_TEST(filter.run(test::tcp_packet(80, 60)) == xdp_facts().pass);
    BOOST_TEST(filter.counted(VFM_ENFORCE_SHARE) == 500u);
    BOOST_TEST(filter.counted(VFM_ENFORCE_WOULD_DROP) == 0u);
}

// Its code is its own: that of the filter beside it is what it was.
BOOST_AUTO_TEST_CASE(a_filter_without_a_gate_has_no_map) {
    test::Group group;
    group.add(test::assembled("LD8 0\nRET\n"), {.name = "plain"});
    group.add(test::assembled("LD8 1\nRET\n"), {.name = "gated", .withholds = true});
    const auto program = generate(group.units, {});
    BOOST_REQUIRE(program.has_value());
    BOOST_TEST(std::ranges::count(program->maps, MapRole::enforce, &Map::role) == 1);
    const Map& map = program->maps[static_cast<size_t>(map_of(*program, MapRole::enforce, 1))];
    BOOST_TEST(map.name == "gated_enforce");
    BOOST_TEST((map.max_entries == VFM_ENFORCE_RULES && map.value_size == 8u));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
