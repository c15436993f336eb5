// Several filters in one program, and in several, in this machine's kernel, against the
// interpreter.
#include <fmt/core.h>

#include "bpfgen/hook.h"
#include "tests/unit/bpfgen/kernel.h"
#include "tests/unit/bpfgen/units.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(kernel_units_test, *boost::unit_test::precondition(kernel))

namespace {

// The sum of what all CPUs have at `index`; all fields are u64.
std::vector<uint64_t> words_of(int fd, const Map& map, uint32_t index) {
    const size_t words = map.value_size / 8;
    const auto cpus = static_cast<size_t>(libbpf_num_possible_cpus());
    std::vector<uint64_t> per_cpu(cpus * words), sums(words);
    BOOST_REQUIRE(bpf_map_lookup_elem(fd, &index, per_cpu.data()) == 0);
    for (size_t i = 0; i < per_cpu.size(); ++i) sums[i % words] += per_cpu[i];
    return sums;
}

vfm_stats stats_in(const std::vector<uint64_t>& words) {
    vfm_stats stats;
    std::memcpy(&stats, words.data(), sizeof stats);
    stats.scratch = stats.length = 0;
    return stats;
}

// As whoever loads an object does.
void fill_sets(const Loaded& loaded, const Program& program) {
    for (const Map& map : program.maps)
        for (size_t at = 0; at < map.keys.size(); at += map.key_size)
            BOOST_REQUIRE(
                bpf_map_update_elem(loaded.map(map), &map.keys[at], map.value.data(), 0) == 0);
}

void check_unit(const Loaded& loaded, const Program& program, const test::Chain& chain,
                uint32_t unit) {
    for (const Map& map : program.maps) {
        if (map.unit != unit) continue;
        if (map.role == MapRole::stats) {
            const auto words = words_of(loaded.map(map), map, 0);
            const vfm_stats counted = stats_in(words), expected = chain.stats(unit);
            BOOST_TEST(std::memcmp(&counted, &expected, sizeof counted) == 0);
            if (map.counters.empty()) continue;
            size_t at = sizeof(vfm_stats) / 8;
            for (const std::vector<Count>& group : chain.instance(unit).counters())
                for (const Count& expected_count : group) {
                    BOOST_TEST(words[at] == expected_count.packets);
                    BOOST_TEST(words[at + 1] == expected_count.bytes);
                    at += 2;
                }
            BOOST_TEST(at == words.size());
        } else if (map.role == MapRole::counters) {
            const auto counted = chain.instance(unit).counters();
            for (uint32_t n = 0; n < map.max_entries; ++n) {
                const auto words = words_of(loaded.map(map), map, n);
                BOOST_TEST(words[0] == counted[map.table][n].packets);
                BOOST_TEST(words[1] == counted[map.table][n].bytes);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(random_groups) {
    unsigned refused = 0;
    size_t led_on = 0;
    constexpr unsigned kGroups = 60;
    for (unsigned index = 0; index < kGroups; ++index) {
        test::Rng rng(1147, index);
        const Hook hook = rng.one_in(3) ? Hook::tc : Hook::xdp;
        const test::Group group = test::random_group(
            rng, {.loops = index % 3 == 0, .flows = false, .small_fuel = rng.one_in(4)});
        const auto program =
            generate(group.units, {.hook = hook,
                                   .frames = rng.one_in(2) ? Frames::any : Frames::linear,
                                   .loops = LoopForm::bpf_loop,
                                   .most_processed = rng.one_in(2) ? 1 : Options().most_processed});
        if (!program) {
            ++refused;
            continue;
        }
        led_on += program->later.size();
        Loaded loaded(*program);
        fill_sets(loaded, *program);
        test::Chain chain(group.units);
        for (unsigned i = 0; i < 12; ++i) {
            // What both hooks take in a test run, in one buffer.
            Bytes packet = test::random_packet(rng);
            packet.resize(std::clamp<size_t>(packet.size(), 64, 1500));
            if (hook == Hook::tc) packet[12] = packet[13] = 0;  // no tag, no cut by a header
            const HookFacts& facts = hook_facts(hook);
            BOOST_TEST(static_cast<int32_t>(loaded.run(packet)) ==
                       (chain.run(packet).drops ? facts.drop : facts.pass));
        }
        for (uint32_t unit = 0; unit < group.units.size(); ++unit)
            check_unit(loaded, *program, chain, unit);
    }
    BOOST_TEST(refused < kGroups / 4);
    BOOST_TEST(led_on > kGroups / 2);
}

BOOST_AUTO_TEST_CASE(each_filter_has_a_table_of_its_own) {
    test::Group group;
    for (const std::string text : {"(< (count-by src-ip) 4)", "(< (count-by src-ip) 3)"}) {
        auto compiled = lisp::compile(std::make_shared<const SourceFile>("f.vfl", text));
        BOOST_TEST_REQUIRE(compiled.has_value());
        group.add(test::verified(std::move(compiled->module)), {.name = "same"});
    }
    const auto program = generate(group.units, {});
    BOOST_TEST_REQUIRE(program.has_value());
    Loaded loaded(*program);
    for (unsigned i = 0; i < 6; ++i) loaded.run(test::tcp_packet(80, 64));
    std::vector<uint64_t> values;
    for (const Map& map : program->maps) {
        if (map.role != MapRole::flow) continue;
        const uint64_t key = 0x0a000001;
        uint64_t value = 0;
        BOOST_TEST(bpf_map_lookup_elem(loaded.map(map), &key, &value) == 0);
        values.push_back(value);
    }
    BOOST_TEST((values == std::vector<uint64_t>{6, 3}));
}

BOOST_AUTO_TEST_CASE(thirty_two_filters_load) {
    test::Group group;
    for (unsigned i = 0; i < 32; ++i)
        group.add(test::assembled("LD16 12\nPUSH 2048\nEQ\nRET\n"),
                  {.name = "filter " + std::to_string(i)});
    for (const uint64_t most : {Options().most_processed, uint64_t{1}}) {
        const auto program = generate(group.units, {.most_processed = most});
        BOOST_TEST_REQUIRE(program.has_value());
        BOOST_TEST(program->later.size() == (most == 1 ? 31u : 0u));
        Loaded loaded(*program);
        BOOST_TEST(loaded.run(test::tcp_packet(80, 64)) == uint32_t{XDP_PASS});
        for (const Map& map : program->maps) {
            if (map.role != MapRole::stats) continue;
            BOOST_TEST(stats_in(words_of(loaded.map(map), map, 0)).pass == 1u);
        }
    }
}

// Beyond what one program has maps for.
BOOST_AUTO_TEST_CASE(a_hundred_filters_with_tables_load) {
    test::Group group;
    for (unsigned i = 0; i < 100; ++i) {
        auto compiled = lisp::compile(std::make_shared<const SourceFile>(
            "f.vfl", fmt::format("(< (count-by src-ip) {})", i == 99 ? 3 : 1000)));
        BOOST_TEST_REQUIRE(compiled.has_value());
        group.add(test::verified(std::move(compiled->module)), {.name = std::to_string(i)});
    }
    const auto program = generate(group.units, {.frames = Frames::linear});
    BOOST_TEST_REQUIRE(program.has_value());
    BOOST_TEST(program->later.size() == 3u);
    Loaded loaded(*program);
    for (unsigned i = 0; i < 4; ++i)
        BOOST_TEST(loaded.run(test::tcp_packet(80, 64)) ==
                   (i < 2 ? uint32_t{XDP_PASS} : uint32_t{XDP_DROP}));
}

BOOST_AUTO_TEST_CASE(a_later_program_that_calls_what_it_shares) {
    test::Group group;
    for (unsigned i = 0; i < 3; ++i) {
        auto compiled =
            lisp::compile(std::make_shared<const SourceFile>("f.vfl", "(< (count-by src-ip) 4)"));
        BOOST_TEST_REQUIRE(compiled.has_value());
        group.add(test::verified(std::move(compiled->module)), {.name = "f"});
    }
    const auto program = generate(group.units, {.shared = SharedCode::always, .most_processed = 1});
    BOOST_TEST_REQUIRE(program.has_value());
    BOOST_TEST(program->subprograms.size() == 3u);
    Loaded loaded(*program);
    for (unsigned i = 0; i < 5; ++i)
        BOOST_TEST(loaded.run(test::tcp_packet(80, 64)) ==
                   (i < 3 ? uint32_t{XDP_PASS} : uint32_t{XDP_DROP}));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
