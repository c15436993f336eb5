// Filters that one program does not hold in the real kernel: loaded one behind the other, and what
// keeps them there. Skipped where there is no kernel to ask.
#include <bpf/bpf.h>
#include <fmt/core.h>
#include <linux/pkt_cls.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "core/ebpf/constructors.h"
#include "loader/load.h"
#include "loader/prepare.h"
#include "tests/unit/loader/private_bpffs.h"

BOOST_AUTO_TEST_SUITE(later_programs_test)

using namespace vfm;

namespace {

constexpr unsigned kFilters = 70;

/// With a table each, more than one program has maps for: each drops a port of its own.
std::vector<UnitSource> many_filters() {
    std::vector<UnitSource> units;
    for (unsigned i = 0; i < kFilters; ++i) {
        auto filter = load_expression(
            fmt::format("(and (> (count-by src-ip) 0) (!= dst-port {}))", 8000 + i));
        BOOST_REQUIRE(filter.has_value());
        units.push_back(
            {.filter = *std::move(filter), .name = fmt::format("f{}", i), .drop_on_error = true});
    }
    return units;
}

PreparedProgram prepared(HookPoint hook) {
    auto made = prepare_units(many_filters(), {.hook = hook, .frames = bpf::Frames::any});
    if (!made) BOOST_FAIL(render(made.error().failure.diagnostics));
    return *std::move(made);
}

/// The verdict on a TCP packet to a port.
uint32_t verdict(int program, unsigned port) {
    std::array<uint8_t, 64> packet{};
    packet[12] = 8;
    packet[14] = 0x45;
    packet[23] = 6;
    packet[36] = static_cast<uint8_t>(port >> 8);
    packet[37] = static_cast<uint8_t>(port);
    auto options = libbpf_options<bpf_test_run_opts>();
    options.data_in = packet.data();
    options.data_size_in = packet.size();
    options.repeat = 1;
    BOOST_REQUIRE(bpf_prog_test_run_opts(program, &options) == 0);
    return options.retval;
}

LoadedMap& array_of(LoadedProgram& loaded) {
    const auto found = std::ranges::find_if(loaded.maps, [](const LoadedMap& map) {
        return map.declaration.role == bpf::MapRole::programs;
    });
    BOOST_REQUIRE((found != loaded.maps.end()));
    return *found;
}

/// The kernel empties an array of programs some time after its last user has gone.
bool is_emptied(int program) {
    using namespace std::chrono_literals;
    for (int i = 0; i < 200; ++i) {
        if (verdict(program, 1) == XDP_DROP) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

BOOST_AUTO_TEST_CASE(all_filters_judge, *boost::unit_test::precondition(test::bpf_is_there)) {
    for (const HookPoint hook : {HookPoint::xdp, HookPoint::tc_ingress}) {
        const bool xdp = hook == HookPoint::xdp;
        const PreparedProgram program = prepared(hook);
        const LoadedProgram& loaded = program.loaded;
        BOOST_TEST(program.emitted.later.size() == 2u);
        BOOST_TEST(loaded.verified_each.size() == 3u);
        uint64_t verified = 0;
        for (const uint64_t each : loaded.verified_each) verified += each;
        BOOST_TEST(loaded.verified == verified);
        for (unsigned port = 7999; port <= 8000 + kFilters; ++port) {
            const bool drops = port >= 8000 && port < 8000 + kFilters;
            const int wanted =
                xdp ? (drops ? XDP_DROP : XDP_PASS) : (drops ? TC_ACT_SHOT : TC_ACT_UNSPEC);
            BOOST_TEST(verdict(loaded.fd.get(), port) == static_cast<uint32_t>(wanted), port);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_array_lives_by_a_descriptor_or_a_pin,
                     *boost::unit_test::precondition(test::bpf_is_there)) {
    PreparedProgram program = prepared(HookPoint::xdp);
    LoadedProgram& loaded = program.loaded;
    const std::string pin = test::bpffs() + "/programs";
    BOOST_REQUIRE(bpf_obj_pin(array_of(loaded).fd.get(), pin.c_str()) == 0);
    array_of(loaded).fd = Fd();
    BOOST_TEST(!is_emptied(loaded.fd.get()));
    BOOST_REQUIRE(unlink(pin.c_str()) == 0);
    // The program itself uses it: that does not count.
    BOOST_TEST(is_emptied(loaded.fd.get()));
}

BOOST_AUTO_TEST_CASE(one_behind_the_other_are_as_many_as_we_say,
                     *boost::unit_test::precondition(test::bpf_is_there)) {
    using namespace ebpf;
    bpf::Program program;
    program.name = "counts";
    program.maps = {{.name = "again",
                     .role = bpf::MapRole::programs,
                     .type = BPF_MAP_TYPE_PROG_ARRAY,
                     .key_size = 4,
                     .value_size = 4,
                     .max_entries = 1},
                    {.name = "runs",
                     .role = bpf::MapRole::scratch,
                     .type = BPF_MAP_TYPE_ARRAY,
                     .key_size = 4,
                     .value_size = 8,
                     .max_entries = 1}};
    // Counts and calls itself.
    const ebpf::Wide array = load_imm64(BPF_REG_2, 0), runs = load_imm64(BPF_REG_1, 0);
    program.insns = {mov(BPF_REG_6, BPF_REG_1),
                     store_imm(4, BPF_REG_10, -4, 0),
                     runs.first,
                     runs.second,
                     mov(BPF_REG_2, BPF_REG_10),
                     alu_imm(BPF_ADD, BPF_REG_2, -4),
                     call(BPF_FUNC_map_lookup_elem),
                     jump_if_imm(BPF_JEQ, BPF_REG_0, 0),
                     load(8, BPF_REG_1, BPF_REG_0, 0),
                     alu_imm(BPF_ADD, BPF_REG_1, 1),
                     store(8, BPF_REG_0, 0, BPF_REG_1),
                     mov(BPF_REG_1, BPF_REG_6),
                     array.first,
                     array.second,
                     mov_imm(BPF_REG_3, 0),
                     call(BPF_FUNC_tail_call),
                     mov_imm(BPF_REG_0, XDP_PASS),
                     exit_insn()};
    program.insns[7].off = 8;
    program.map_references = {{2, 1}, {12, 0}};
    const auto loaded = load_program(program);
    if (!loaded) BOOST_FAIL(loaded.error().reason << loaded.error().log);
    const uint32_t zero = 0;
    const int itself = loaded->fd.get();
    BOOST_REQUIRE(bpf_map_update_elem(loaded->maps[0].fd.get(), &zero, &itself, BPF_ANY) == 0);
    verdict(itself, 1);
    uint64_t count = 0;
    BOOST_REQUIRE(bpf_map_lookup_elem(loaded->maps[1].fd.get(), &zero, &count) == 0);
    BOOST_TEST(count == bpf::kMostPrograms);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
