// What becomes of sets, rules, counters and keys of several words.
#include <algorithm>

#include "bpfgen/lookup_tables.h"
#include "core/ebpf/constructors.h"
#include "tests/unit/bpfgen/program.h"
#include "userspace/interp/interpreter.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(lookups_test)

namespace {

const Map& only_map(const Program& program, MapRole role) {
    const auto found = std::ranges::find(program.maps, role, &Map::role);
    BOOST_REQUIRE(found != program.maps.end());
    return *found;
}

std::string counter_group(const std::string& name, unsigned counters) {
    std::string text = fmt::format(".counters {}\n", name);
    for (unsigned i = 0; i < counters; ++i) text += fmt::format(".counter {} f a\n", i + 1);
    return text;
}

BOOST_AUTO_TEST_CASE(counters_stand_behind_the_statistics) {
    const Program program = test::generated(test::assembled(
        counter_group("web", 2) + counter_group("mail", 998) + "LD8 0\nCOUNT 1\nPUSH8 1\nRET\n"));
    BOOST_TEST(program.maps.size() == 1u);
    const Map& map = only_map(program, MapRole::stats);
    BOOST_REQUIRE(map.counters.size() == 2u);
    BOOST_TEST((map.counters[0].name == "web" && map.counters[0].count == 2));
    BOOST_TEST((map.counters[1].name == "mail" && map.counters[1].count == 998));
    BOOST_TEST(map.value_size == sizeof(vfm_stats) + 1000 * sizeof(vfm_counter));
}

BOOST_AUTO_TEST_CASE(a_group_of_many_counters_is_a_map_of_its_name) {
    const Program program = test::generated(
        test::assembled(counter_group("web", 1001) + "LD8 0\nCOUNT 0\nPUSH8 1\nRET\n"));
    const Map& map = only_map(program, MapRole::counters);
    BOOST_TEST(map.name == "web");
    BOOST_TEST(map.type == unsigned{BPF_MAP_TYPE_PERCPU_ARRAY});
    BOOST_TEST((map.max_entries == 1001 && map.key_size == 4 && map.value_size == 16));
    BOOST_TEST(only_map(program, MapRole::stats).value_size == sizeof(vfm_stats));
}

// Of both shapes each counter, one behind the last, and one far beyond.
BOOST_AUTO_TEST_CASE(each_counter_counts_where_it_stands) {
    for (const unsigned counters : {2u, 1001u}) {
        const VerifiedModule module =
            test::assembled(counter_group("first", 3) + counter_group("web", counters) +
                            "LD16 0\nLD8 2\nPUSH8 60\nSHL\nADD\nCOUNT 1\nPUSH8 1\nRET\n");
        const auto reference = *instance_of(interpreter_program(module));
        const Program program = test::generated(module);
        ebpf::Machine machine = test::machine_of(program);
        for (const unsigned counter : {0u, 1u, counters - 1, counters, counters + 1, 65535u})
            for (const uint8_t high : {uint8_t{0}, uint8_t{1}}) {
                Bytes packet = test::tcp_packet(80, 70);
                packet[0] = static_cast<uint8_t>(counter >> 8);
                packet[1] = static_cast<uint8_t>(counter);
                packet[2] = high;
                reference->run({.bytes = packet});
                BOOST_REQUIRE(machine.run({.bytes = packet}).has_value());
            }
        BOOST_TEST((test::counters_in(machine, program, module.module()) == reference->counters()));
    }
}

BOOST_AUTO_TEST_CASE(a_counter_that_is_not_there_needs_no_map) {
    const Program program = test::generated(
        test::assembled(".counters web\n.counter 1 f a\nPUSH8 1\nCOUNT 0\nPUSH8 1\nRET\n"));
    BOOST_TEST(std::ranges::count(program.maps, MapRole::counters, &Map::role) == 0);
}

BOOST_AUTO_TEST_CASE(a_key_of_several_words_is_one_key_of_a_map) {
    const Program program = test::generated(
        test::assembled(".table t key=ip,port\nPUSH8 1\nPUSH8 2\nPUSH8 3\nFLOW_GET 0\nRET\n"));
    BOOST_TEST(only_map(program, MapRole::flow).key_size == 24u);
}

BOOST_AUTO_TEST_CASE(a_set_that_changes_is_a_map_with_the_members_that_it_begins_with) {
    const Program program = test::generated(
        test::assembled(".set s width=32 live\n.member 10.0.0.0/8 1.2.3.4\nLD32 26\nIN 0\nRET\n"));
    const Map& map = only_map(program, MapRole::set);
    BOOST_TEST((map.name == "s" && map.type == BPF_MAP_TYPE_LPM_TRIE && map.key_size == 8));
    BOOST_TEST(map.flags == unsigned{BPF_F_NO_PREALLOC});
    BOOST_TEST((map.keys == Bytes{8, 0, 0, 0, 10, 0, 0, 0, 32, 0, 0, 0, 1, 2, 3, 4}));
    BOOST_TEST(program.data.empty());
}

BOOST_AUTO_TEST_CASE(tables_are_constant_data_of_the_object) {
    const Program program = test::generated(
        test::assembled(".set s width=32\n.member 10.0.0.0/8\nLD32 26\nIN 0\nRET\n"));
    BOOST_TEST(!program.data.empty());
    BOOST_TEST(!program.data_references.empty());
    for (const uint32_t insn : program.data_references) {
        BOOST_TEST(ebpf::is_wide(program.insns[insn]));
        BOOST_TEST(static_cast<uint32_t>(program.insns[insn].imm) < program.data.size());
    }
    const std::string elf = [&] {
        const Bytes bytes = write_elf(program);
        return std::string(bytes.begin(), bytes.end());
    }();
    BOOST_TEST(elf.find(".rodata") != std::string::npos);
    const Program without = test::generated(test::assembled("PUSH8 1\nRET\n"));
    BOOST_TEST(without.data.empty());
}

BOOST_AUTO_TEST_CASE(equal_chunks_of_rows_stand_there_once) {
    // Each row tests one address of its own: of 1,000 rows nearly all chunks are empty.
    Module module = test::assembled(".rules r keys=32\nLD32 26\nPUSH8 1\nMATCH 0\nRET\n").module();
    for (uint32_t i = 1; i <= 1000; ++i) {
        module.rule_tables[0].verdicts.push_back(1);
        module.rule_tables[0].rows.push_back(
            {i, {{.kind = RuleTest::Kind::prefix, .lo = 2 * i, .length = 32}}});
    }
    const auto tables = LookupTables::make(*verify(module));
    BOOST_REQUIRE(tables.has_value());
    const RowTable& rows = tables->rows(0);
    BOOST_TEST((rows.words == 16 && rows.chunks() == 2));
    BOOST_TEST(rows.columns.size() == 1u);
    BOOST_TEST(rows.columns[0].chunk_bits <= 10u);  // of 2,001 places with 2 chunks each
}

BOOST_AUTO_TEST_CASE(tables_that_are_too_large_are_refused_by_name) {
    Module module = test::assembled(".set big width=128\nLD64 0\nLD64 8\nIN128 0\nRET\n").module();
    for (uint64_t i = 0; i < 1'100'000; ++i) module.sets[0].members.push_back({i, 2 * i, 128});
    const auto made = generate(*verify(module), {});
    BOOST_REQUIRE(!made.has_value());
    BOOST_TEST(made.error().diagnostics[0].message ==
               "eBPF: IN128: its tables need more than 32 MiB");
    BOOST_TEST(made.error().diagnostics[0].offset.value() == 6u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
