// Filters that one program does not hold: where they are cut, and how the programs follow each
// other.
#include <fmt/core.h>

#include "bpfgen/later_programs.h"
#include "bpfgen/listing.h"
#include "bpfgen/map_memory.h"
#include "bpfgen/predict/report.h"
#include "tests/unit/bpfgen/machine.h"
#include "tests/unit/bpfgen/units.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(later_programs_test)

namespace {

constexpr uint64_t kEach = 1;  // a program for each filter

Program cut(std::span<const Unit> units, const Options& options) {
    auto made = generate(units, options);
    if (!made) BOOST_FAIL(render(made.error().failure.diagnostics));
    return *std::move(made);
}

// Of the filters that a packet reaches, by unit.
std::vector<uint64_t> packets_seen(const ebpf::Machine& machine, const Program& program) {
    std::vector<uint64_t> seen(program.units.size());
    for (size_t i = 0; i < program.maps.size(); ++i)
        if (program.maps[i].role == MapRole::stats)
            seen[program.maps[i].unit] = load_le<uint64_t>(machine.map(i).value(0));
    return seen;
}

// IPv4 is passed, all else dropped.
VerifiedModule ipv4() { return test::assembled("LD16 12\nPUSH 2048\nEQ\nRET\n"); }

// Some hundred instructions for the verifier.
VerifiedModule long_filter() {
    std::string text;
    for (int i = 0; i < 40; ++i) text += fmt::format("LD8 {}\nPUSH {}\nJEQ out\n", i, 200 + i);
    return test::assembled(text + "PUSH 1\nRET\nout: PUSH 0\nRET\n");
}

BOOST_AUTO_TEST_CASE(as_many_filters_in_a_program_as_the_bound_allows) {
    const VerifiedModule filter = long_filter();
    const std::vector<Unit> units(7, {.module = &filter, .name = "f"});
    const Program whole = cut(units, {});
    BOOST_TEST(whole.later.empty());
    const uint64_t all = predict(whole).processed.value();
    BOOST_TEST(all > 7 * 100u);

    BOOST_TEST(cut(units, {.most_processed = all}).later.empty());
    const Program halves = cut(units, {.most_processed = all - 1});
    BOOST_TEST(count_programs(halves) == 2u);
    const Program thirds = cut(units, {.most_processed = all / 2});
    BOOST_TEST(count_programs(thirds) == 3u);
    for (const Program* program : {&halves, &thirds})
        for (size_t i = 0; i < count_programs(*program); ++i)
            BOOST_TEST(predict(program_at(*program, i)).processed.value() < all);
    BOOST_TEST(count_programs(cut(units, {.most_processed = kEach})) == 7u);
}

BOOST_AUTO_TEST_CASE(maps_and_loops_cut_too) {
    const VerifiedModule good = test::assembled("PUSH 1\nRET\n");
    std::vector<Unit> many(64, {.module = &good, .name = "a"});
    BOOST_TEST(cut(many, {}).maps.size() == 64u);
    BOOST_TEST(cut(many, {}).later.empty());
    many.push_back({.module = &good, .name = "a"});
    const Program two = cut(many, {});
    BOOST_TEST(count_programs(two) == 2u);
    BOOST_TEST(two.maps.size() == 66u);
    for (size_t i = 0; i < 2; ++i) BOOST_TEST(count_maps(program_at(two, i)) <= kMostMaps);

    // What goes round, the kernel ends after 2^23 times in a program.
    const VerifiedModule loops =
        test::assembled(".fuel 1000000\nhere: LD8 0\nPUSH 1\nJEQ here\nPUSH 1\nRET\n");
    std::vector<Unit> rounds(8, {.module = &loops, .name = "a"});
    BOOST_TEST(cut(rounds, {.loops = LoopForm::may_goto}).later.empty());
    rounds.push_back({.module = &loops, .name = "a"});
    BOOST_TEST(count_programs(cut(rounds, {.loops = LoopForm::may_goto})) == 2u);
}

BOOST_AUTO_TEST_CASE(a_call_that_fails_ends_with_the_verdict_of_the_filter_behind) {
    const VerifiedModule pass = test::assembled("PUSH 1\nRET\n");
    for (const Hook hook : {Hook::xdp, Hook::tc}) {
        for (const bool drops : {false, true}) {
            const Unit units[] = {{.module = &pass, .name = "a", .drop_on_error = !drops},
                                  {.module = &pass, .name = "b", .drop_on_error = drops},
                                  {.module = &pass, .name = "c", .drop_on_error = !drops}};
            Program program = cut(units, {.hook = hook, .most_processed = kEach});
            const Bytes packet(64);
            ebpf::Machine whole = test::machine_of(program);
            const uint64_t passed = whole.run({.bytes = packet}).value();
            BOOST_TEST((packets_seen(whole, program) == std::vector<uint64_t>{1, 1, 1}));
            program.later.clear();  // what the array holds
            ebpf::Machine emptied = test::machine_of(program);
            const uint64_t verdict = emptied.run({.bytes = packet}).value();
            BOOST_TEST((verdict == passed) == !drops);
            BOOST_TEST((packets_seen(emptied, program) == std::vector<uint64_t>{1, 0, 0}));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_program_that_no_packet_comes_to_is_not_made) {
    const VerifiedModule pass = test::assembled("PUSH 1\nRET\n"),
                         drop = test::assembled("PUSH 0\nRET\n");
    const Unit units[] = {{.module = &pass, .name = "a"},
                          {.module = &drop, .name = "b", .drop_on_error = true},
                          {.module = &pass, .name = "c"}};
    const Program program = cut(units, {.most_processed = kEach});
    BOOST_TEST(count_programs(program) == 2u);
    const auto array = std::ranges::find(program.maps, MapRole::programs, &Map::role);
    BOOST_REQUIRE((array != program.maps.end()));
    BOOST_TEST(array->max_entries == 1u);
    BOOST_TEST(memory_of(*array, 2) == 8u);
}

BOOST_AUTO_TEST_CASE(programs_and_maps_have_names_of_their_own) {
    const VerifiedModule table =
        test::assembled(".table filter-2 key=ipv4\nPUSH 1\nFLOW_GET 0\nRET\n");
    const Unit units[] = {{.module = &table, .name = "vfm"},
                          {.module = &table, .name = "b"},
                          {.module = &table, .name = "c"}};
    const Program program = cut(units, {.most_processed = kEach});
    std::vector<std::string> names = {program.name};
    for (const LaterProgram& later : program.later) names.push_back(later.name);
    BOOST_TEST((names == std::vector<std::string>{"vfm_filter", "vfm_filter_3", "vfm_filter_4"}));
    for (const Map& map : program.maps) names.push_back(map.name);
    std::ranges::sort(names);
    BOOST_TEST((std::ranges::adjacent_find(names) == names.end()));
}

BOOST_AUTO_TEST_CASE(constants_and_subprograms_go_with_their_program) {
    test::Group group;
    std::string set = "(in src-ip";
    for (int i = 0; i < 400; ++i) set += fmt::format(" 10.{}.{}.7", i / 200, i % 200);
    for (int i = 0; i < 3; ++i) {
        auto compiled = lisp::compile(std::make_shared<const SourceFile>(
            "f.vfl", i == 1 ? "(< (count-by src-ip) 4)" : set + ")"));
        if (!compiled) BOOST_FAIL(render(compiled.error().diagnostics));
        group.add(test::verified(std::move(compiled->module)), {.name = "f"});
    }
    const Program program =
        cut(group.units, {.shared = SharedCode::always, .most_processed = kEach});
    BOOST_TEST(count_programs(program) == 3u);
    BOOST_TEST(program.subprograms.size() == 1u);
    const Program second = program_at(program, 1), third = program_at(program, 2);
    BOOST_TEST((second.data.empty() && second.subprograms.size() == 1u));
    BOOST_TEST((third.data_references.size() >= 1u && third.data == program.data));
    ebpf::Machine machine = test::machine_of(program);
    test::Chain chain(group.units);
    for (unsigned i = 0; i < 6; ++i) {
        Bytes packet = test::tcp_packet(80, 64);
        packet[29] = i < 5 ? 7 : 8;
        packet[27] = packet[28] = 0;
        const bool drops = machine.run({.bytes = packet}).value() == uint64_t{XDP_DROP};
        BOOST_TEST(drops == chain.run(packet).drops);
        BOOST_TEST(drops == (i > 2));
    }
}

BOOST_AUTO_TEST_CASE(listing_and_report_tell_the_programs_apart) {
    const VerifiedModule filter = ipv4();
    const Unit units[] = {{.module = &filter, .name = "a"}, {.module = &filter, .name = "b"}};
    const std::string one = print_listing(cut(units, {}));
    BOOST_TEST(one.find("vfm_filter:\n") == std::string::npos);
    const Program program = cut(units, {.most_processed = kEach});
    const std::string listing = print_listing(program);
    BOOST_TEST(listing.starts_with("vfm_filter:\n; filter a\n"));
    BOOST_TEST(listing.find("\nvfm_filter_2:\n; filter b\n") != std::string::npos);
    BOOST_TEST(listing.find("r2 = map vfm_programs") != std::string::npos);
    BOOST_TEST(listing.find("call tail_call") != std::string::npos);

    const std::string report = print_predictions(program, {.map_bytes = 4096});
    BOOST_TEST(report.starts_with("program 1 of 2, vfm_filter: a\ninstructions: "));
    BOOST_TEST(report.find("\nprogram 2 of 2, vfm_filter_2: b\n") != std::string::npos);
    uint64_t processed = 0;
    for (size_t i = 0; i < 2; ++i) processed += predict(program_at(program, i)).processed.value();
    BOOST_TEST(report.find(fmt::format("all: {} instructions, ", program.insns.size())) !=
               std::string::npos);
    BOOST_TEST(
        report.ends_with(fmt::format("; {} processed predicted; 4 maps, 4096 bytes\n", processed)));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
