// Filters whose drops are carried out for a share of all flows, in this machine's kernel.
#include "bpfgen/hook.h"
#include "tests/unit/bpfgen/kernel.h"
#include "tests/unit/bpfgen/units.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(kernel_enforcement_test, *boost::unit_test::precondition(kernel))

namespace {

// Of all CPUs.
std::vector<uint64_t> elements(const Loaded& loaded, const Map& map, uint32_t index) {
    std::vector<uint64_t> values(static_cast<size_t>(libbpf_num_possible_cpus()));
    BOOST_REQUIRE(bpf_map_lookup_elem(loaded.map(map), &index, values.data()) == 0);
    return values;
}

void write_share(const Loaded& loaded, const Map& map, uint64_t share) {
    const std::vector<uint64_t> values(static_cast<size_t>(libbpf_num_possible_cpus()), share);
    const uint32_t index = VFM_ENFORCE_SHARE;
    BOOST_REQUIRE(bpf_map_update_elem(loaded.map(map), &index, values.data(), 0) == 0);
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_groups_drop_their_share) {
    unsigned refused = 0;
    uint64_t withheld = 0, dropped = 0;
    constexpr unsigned kGroups = 25;
    for (unsigned index = 0; index < kGroups; ++index) {
        test::Rng rng(1148, index);
        const Hook hook = rng.one_in(3) ? Hook::tc : Hook::xdp;
        test::Group group = test::random_group(rng, {.flows = false, .small_fuel = rng.one_in(4)});
        std::vector<uint64_t> shares;
        for (Unit& unit : group.units) {
            unit.withholds = !rng.one_in(4);
            unit.drop_on_error = !rng.one_in(4);
            shares.push_back(rng.pick({uint64_t{0}, uint64_t{10000}, rng.below(10001)}));
        }
        const auto program = generate(
            group.units, {.hook = hook, .frames = rng.one_in(2) ? Frames::any : Frames::linear});
        if (!program) {
            ++refused;
            continue;
        }
        Loaded loaded(*program);
        const uint32_t present = 1;
        for (const Map& map : program->maps) {
            for (size_t at = 0; at < map.keys.size(); at += map.key_size)
                BOOST_REQUIRE(bpf_map_update_elem(loaded.map(map), &map.keys[at], &present, 0) ==
                              0);
            if (map.role == MapRole::enforce) write_share(loaded, map, shares[map.unit]);
        }
        test::Chain chain(group.units, shares);
        for (unsigned i = 0; i < 16; ++i) {
            // What both hooks take in a test run, in one buffer.
            Bytes packet = test::random_packet(rng);
            packet.resize(std::clamp<size_t>(packet.size(), 64, 1500));
            if (hook == Hook::tc) packet[12] = packet[13] = 0;  // no tag, no cut by a header
            const HookFacts& facts = hook_facts(hook);
            const bool drops = chain.run(packet).drops;
            BOOST_TEST(static_cast<int32_t>(loaded.run(packet)) ==
                       (drops ? facts.drop : facts.pass));
            dropped += drops;
        }
        for (const Map& map : program->maps) {
            if (map.role != MapRole::enforce) continue;
            const std::vector<uint64_t>& expected = chain.would_drop(map.unit);
            for (uint32_t i = 0; i < expected.size(); ++i) {
                uint64_t sum = 0;
                for (const uint64_t one : elements(loaded, map, VFM_ENFORCE_WOULD_DROP + i))
                    sum += one;
                BOOST_TEST(sum == expected[i]);
            }
            withheld += expected[0];
        }
    }
    BOOST_TEST(refused < kGroups / 4);
    BOOST_TEST(withheld > 20u);
    BOOST_TEST(dropped > 20u);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
