// What becomes of sets, rules, counters and keys of several words.
#include <fmt/core.h>

#include <algorithm>

#include "bpfgen/lookup_tables.h"
#include "core/ebpf/constructors.h"
#include "core/ir/lift/lift.h"
#include "core/ir/passes/passes.h"
#include "tests/harness/rng.h"
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
        counter_group("web", 2) + counter_group("mail", 1998) + "LD8 0\nCOUNT 1\nPUSH8 1\nRET\n"));
    BOOST_TEST(std::ranges::count(program.maps, MapRole::counters, &Map::role) == 0);
    const Map& map = only_map(program, MapRole::stats);
    BOOST_REQUIRE(map.counters.size() == 2u);
    BOOST_TEST((map.counters[0].name == "web" && map.counters[0].count == 2));
    BOOST_TEST((map.counters[1].name == "mail" && map.counters[1].count == 1998));
    BOOST_TEST(map.value_size == sizeof(vfm_stats) + 2000 * sizeof(vfm_counter));
}

BOOST_AUTO_TEST_CASE(a_group_of_many_counters_is_a_map_of_its_name) {
    const Program program = test::generated(
        test::assembled(counter_group("web", 2001) + "LD8 0\nCOUNT 0\nPUSH8 1\nRET\n"));
    const Map& map = only_map(program, MapRole::counters);
    BOOST_TEST(map.name == "web");
    BOOST_TEST(map.type == unsigned{BPF_MAP_TYPE_PERCPU_ARRAY});
    BOOST_TEST((map.max_entries == 2001 && map.key_size == 4 && map.value_size == 16));
    BOOST_TEST(only_map(program, MapRole::stats).value_size == sizeof(vfm_stats));
}

// Of both shapes each counter, one behind the last, and one far beyond.
BOOST_AUTO_TEST_CASE(each_counter_counts_where_it_stands) {
    for (const unsigned counters : {2u, 2001u}) {
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
    BOOST_TEST((map.name == "s" && map.type == BPF_MAP_TYPE_HASH && map.key_size == 4));
    BOOST_TEST(map.flags == unsigned{BPF_F_NO_PREALLOC});
    BOOST_TEST((map.keys == Bytes{4, 3, 2, 1} && map.value == Bytes(8)));
    const Map& prefixes = only_map(program, MapRole::set_prefixes);
    BOOST_TEST((prefixes.name == "s_nets" && prefixes.type == BPF_MAP_TYPE_LPM_TRIE));
    BOOST_TEST((prefixes.key_size == 8 && prefixes.value_size == sizeof(vfm_set_prefix)));
    BOOST_TEST((prefixes.keys == Bytes{8, 0, 0, 0, 10, 0, 0, 0} && prefixes.value == Bytes(16)));
    const Map& control = only_map(program, MapRole::set_control);
    BOOST_TEST((control.name == "vfm_sets" && control.value == Bytes(8)));
    BOOST_TEST(program.data.empty());
}

// A time is over when the clock has come to it.
BOOST_AUTO_TEST_CASE(members_of_a_set_that_changes_end) {
    const Program program =
        test::generated(test::assembled(".set s width=32 live\nLD32 26\nIN 0\nRET\n"));
    for (const MapRole role : {MapRole::set, MapRole::set_prefixes}) {
        ebpf::Machine machine = test::machine_of(program);
        const auto is_member = [&](uint64_t now) {
            const Bytes packet = test::tcp_packet(80, 70);
            BOOST_REQUIRE(machine.run({.bytes = packet, .timestamp = now}).has_value());
            for (size_t i = 0; i < program.maps.size(); ++i)
                if (program.maps[i].role == MapRole::stats) {
                    vfm_stats stats;
                    std::memcpy(&stats, machine.map(i).value(0), sizeof stats);
                    std::memset(machine.map(i).value(0), 0, sizeof stats);
                    return stats.pass == 1;
                }
            return false;
        };
        BOOST_TEST(!is_member(1000));
        const Bytes packet = test::tcp_packet(80, 70);
        Bytes key;
        if (role == MapRole::set) {
            for (unsigned i = 0; i < 4; ++i) key.push_back(packet[29 - i]);
        } else {
            key = {8, 0, 0, 0, packet[26], 0, 0, 0};
        }
        const auto put = [&](uint64_t until) {
            for (size_t i = 0; i < program.maps.size(); ++i) {
                const uint64_t value[2] = {until, until};
                const uint32_t first = 0;
                if (program.maps[i].role == role)
                    machine.map(i).update(key.data(), reinterpret_cast<const uint8_t*>(value), 0);
                // As one who puts members into it without a word: all is asked.
                const Bytes none(8);
                if (program.maps[i].role == MapRole::set_control)
                    machine.map(i).update(reinterpret_cast<const uint8_t*>(&first), none.data(), 0);
            }
        };
        put(0);
        BOOST_TEST(is_member(1000));
        put(1000);
        BOOST_TEST((is_member(999) && !is_member(1000) && !is_member(1001)));
        put(VFM_SET_GONE);
        BOOST_TEST(!is_member(1000));
    }
}

BOOST_AUTO_TEST_CASE(sets_that_change_are_there_whether_they_are_asked_or_not) {
    const Program program = test::generated(test::assembled(
        ".set a width=32 live\n.set b width=128 live\n.set c width=32\nPUSH8 1\nRET\n"));
    BOOST_TEST(std::ranges::count(program.maps, MapRole::set, &Map::role) == 2);
    BOOST_TEST(std::ranges::count(program.maps, MapRole::set_prefixes, &Map::role) == 2);
    BOOST_TEST(std::ranges::count(program.maps, MapRole::set_control, &Map::role) == 1);
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

// A table whose row i + 1 tests one key for what `test` says.
template <class MakeTest>
RowTable table_of(uint32_t rows, uint8_t width, MakeTest test) {
    const std::string keys = width == 128 ? "LD64 0\nLD64 8\n" : "LD64 0\n";
    Module module =
        test::assembled(fmt::format(".rules r keys={}\n{}PUSH8 1\nMATCH 0\nRET\n", width, keys))
            .module();
    for (uint32_t i = 1; i <= rows; ++i) {
        module.rule_tables[0].verdicts.push_back(1);
        module.rule_tables[0].rows.push_back({i, {test(i)}});
    }
    const auto tables = LookupTables::make(*verify(module));
    BOOST_REQUIRE(tables.has_value());
    return tables->rows(0);
}

RuleTest number_test(uint64_t number, uint8_t length = 64) {
    return {.kind = RuleTest::Kind::prefix, .lo = number, .length = length};
}

BOOST_AUTO_TEST_CASE(equal_chunks_of_rows_stand_there_once) {
    // Each row tests one number of its own: of 2,000 rows nearly all chunks are empty.
    const RowTable rows = table_of(2000, 64, [](uint32_t i) { return number_test(2 * i); });
    BOOST_TEST((rows.form == RowTable::Form::chunked));
    BOOST_TEST((rows.words == 32 && rows.chunks() == 8));
    BOOST_TEST(rows.rounds() == 8u);
    BOOST_TEST(rows.columns.size() == 1u);
    BOOST_TEST(rows.columns[0].chunk_bits <= 11u);  // of 4,001 places with 8 chunks each
}

BOOST_AUTO_TEST_CASE(few_rows_need_no_chunks) {
    const auto test = [](uint32_t i) { return number_test(i); };
    BOOST_TEST((table_of(256, 64, test).form == RowTable::Form::words));
    BOOST_TEST(table_of(256, 64, test).rounds() == 0u);
    BOOST_TEST((table_of(257, 64, test).form == RowTable::Form::summed));
    BOOST_TEST((table_of(1024, 64, test).form == RowTable::Form::summed));
    BOOST_TEST((table_of(1025, 64, test).form == RowTable::Form::chunked));
}

BOOST_AUTO_TEST_CASE(rules_of_one_row_each_need_no_numbers) {
    BOOST_TEST(!table_of(40, 64, [](uint32_t i) { return number_test(i); }).rules.has_value());
}

BOOST_AUTO_TEST_CASE(a_key_is_looked_up_as_its_tests_allow) {
    using Kind = RuleColumn::Kind;
    const auto kind = [](uint8_t width, auto test) {
        return table_of(40, width, test).columns[0].kind;
    };
    BOOST_TEST((kind(64, [](uint32_t i) { return number_test(65'495 + i); }) == Kind::numbers));
    BOOST_TEST((kind(64, [](uint32_t i) { return number_test(65'496 + i); }) == Kind::ranges));
    BOOST_TEST((kind(32, [](uint32_t i) { return number_test(i << 26, 8); }) == Kind::ranges));
    BOOST_TEST(
        (kind(64, [](uint32_t i) { return number_test(uint64_t{i} << 40); }) == Kind::ranges));
    // Upper words decide, or do not.
    const auto upper = [](uint32_t i) {
        return RuleTest{.kind = RuleTest::Kind::prefix, .hi = 2 * i, .length = 64};
    };
    BOOST_TEST((kind(128, upper) == Kind::ranges));
    BOOST_TEST((kind(128, [](uint32_t i) { return number_test(i, 128); }) == Kind::ends));
}

BOOST_AUTO_TEST_CASE(keys_of_two_words_are_taken_apart) {
    const auto set_of = [](const char* members) {
        const auto tables = LookupTables::make(test::assembled(
            fmt::format(".set s width=128\n.member {}\nLD64 0\nLD64 8\nIN128 0\nRET\n", members)));
        BOOST_REQUIRE(tables.has_value());
        return std::get<WideSet>(tables->wide_set(0));
    };
    const WideSet both = set_of("2001:db8::/32 2001:db9::/64 fe80::1 fe80::7 fe80::9");
    BOOST_TEST((both.upper && both.hosts && !both.rest));
    BOOST_TEST(std::holds_alternative<RangeIndex>(*both.upper));
    const WideSet last = set_of("2001:db8::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    BOOST_TEST((!last.upper && last.hosts && !last.rest));
    const WideSet prefixes = set_of("2001:db8::/32 2001:db9::/96");
    BOOST_TEST((prefixes.upper && !prefixes.hosts && prefixes.rest));
    // The first upper word and the last are in no index.
    BOOST_TEST(std::holds_alternative<EndTable>(*set_of("::/64 2001:db9::/32").upper));
    BOOST_TEST(std::holds_alternative<EndTable>(*set_of("2001:db9::/32 ff00::/8").upper));
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

// Ranges of one length that overlap at random leave nothing that stands there once for several.
BOOST_AUTO_TEST_CASE(rules_that_are_too_large_are_refused_by_name) {
    Module module =
        test::assembled(".rules web keys=64,64\nLD64 0\nLD64 8\nPUSH8 3\nMATCH 0\nRET\n").module();
    test::Rng rng(1);
    const auto range = [&] {
        const uint64_t least = rng.next() >> 1;
        return RuleTest{
            .kind = RuleTest::Kind::range, .lo = least, .last_lo = least + (uint64_t{1} << 58)};
    };
    for (uint32_t i = 1; i <= 40'000; ++i) {
        module.rule_tables[0].verdicts.push_back(1);
        module.rule_tables[0].rows.push_back({i, {range(), range()}});
    }
    const auto made = generate(*verify(module), {});
    BOOST_REQUIRE(!made.has_value());
    BOOST_TEST((made.error().status == Status::refused));
    BOOST_TEST(made.error().diagnostics[0].message ==
               "eBPF: MATCH: the rules web need more than 32 MiB");
    BOOST_TEST(made.error().diagnostics[0].offset.value() == 8u);
}

// Where other tables have left no room.
BOOST_AUTO_TEST_CASE(tables_of_tests_for_equality_that_are_too_large_are_refused) {
    std::string text;
    for (unsigned i = 0; i < 200; ++i)
        text += fmt::format("LD16 36\nPUSH16 {}\nJEQ yes\n", 7919 * i % 65521);
    const VerifiedModule program = test::assembled(text + "RET 0\nyes:\nRET 1\n");
    auto function = ir::lift(program);
    BOOST_REQUIRE(function.has_value());
    ir::optimise(*function);
    ir::if_to_switch_from(*function, 8);
    ConstantData data;
    data.add(std::span<const uint8_t>(std::vector<uint8_t>(size_t{32} << 20)));
    auto tables = LookupTables::make(program, std::move(data));
    BOOST_REQUIRE(tables.has_value());
    const auto added = tables->add_own(*function);
    BOOST_REQUIRE(!added.has_value());
    BOOST_TEST((added.error().status == Status::refused));
    BOOST_TEST(added.error().diagnostics[0].message ==
               "eBPF: the tables of tests for equality need more than 32 MiB");
    BOOST_TEST(added.error().diagnostics[0].offset.has_value());
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
