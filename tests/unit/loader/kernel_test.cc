// The real kernel: what it takes, what it refuses and how that is told. Skipped where it cannot be.
#include <bpf/bpf.h>
#include <fmt/core.h>

#include <array>
#include <boost/test/unit_test.hpp>

#include "bpf/vfm_abi.h"
#include "core/ebpf/constructors.h"
#include "core/front/front.h"
#include "core/isa/insn.h"
#include "core/run/random.h"
#include "loader/attach.h"
#include "loader/counters.h"
#include "loader/load.h"
#include "loader/map_memory.h"
#include "loader/record.h"
#include "loader/test_run.h"
#include "tests/unit/loader/private_bpffs.h"

BOOST_AUTO_TEST_SUITE(kernel_test)

using namespace vfm;

namespace {

/// A precondition for Boost.Test: disables a case with the reason.
boost::test_tools::assertion_result kernel_is_there(boost::unit_test::test_unit_id) {
    const std::string missing = kernel_engine_missing();
    boost::test_tools::assertion_result result(missing.empty());
    result.message() << "no engine `kernel`: " << missing;
    return result;
}

/// Ethernet, IPv4 of 20 bytes, TCP.
std::array<uint8_t, 64> tcp_packet() {
    std::array<uint8_t, 64> bytes{};
    bytes[12] = 8;
    bytes[14] = 0x45;
    bytes[23] = 6;
    for (size_t i = 26; i < 30; ++i) bytes[i] = 10;
    return bytes;
}

VerifiedModule compiled(const std::string& text) {
    const auto filter = load_expression(text);
    BOOST_REQUIRE(filter.has_value());
    auto verified = verify_filter(*filter);
    BOOST_REQUIRE(verified.has_value());
    return *verified;
}

std::unique_ptr<Instance> engine_of(const std::string& text, bpf::Hook hook = bpf::Hook::xdp) {
    auto engine = instance_of(kernel_program(compiled(text), {.hook = hook}));
    if (!engine) BOOST_FAIL(render(engine.error().diagnostics));
    return std::move(*engine);
}

}  // namespace

BOOST_AUTO_TEST_CASE(values_and_errors, *boost::unit_test::precondition(kernel_is_there)) {
    const auto packet = tcp_packet();
    for (const bpf::Hook hook : {bpf::Hook::xdp, bpf::Hook::tc}) {
        const auto engine = engine_of("(+ proto 18446744073709551000)", hook);
        BOOST_TEST((engine->run({packet}) == Outcome::of(18446744073709551006u)));
        const ByteView cut = ByteView(packet).first(20);
        if (hook == bpf::Hook::xdp)
            BOOST_TEST((engine->run({cut}) == Outcome::trap(ErrorKind::bounds)));
    }
}

BOOST_AUTO_TEST_CASE(packets_that_a_test_run_does_not_take,
                     *boost::unit_test::precondition(kernel_is_there)) {
    const auto packet = tcp_packet();
    for (const bpf::Hook hook : {bpf::Hook::xdp, bpf::Hook::tc}) {
        const auto engine = engine_of("1", hook);
        for (const size_t size : {0u, 1u, 13u})
            BOOST_TEST(engine->run({ByteView(packet).first(size)}).skipped, size);
    }
    const Bytes jumbo(60000);
    BOOST_TEST((engine_of("1")->run({jumbo}) == Outcome::of(1)));
    BOOST_TEST(engine_of("1", bpf::Hook::tc)->run({jumbo}).skipped);
}

BOOST_AUTO_TEST_CASE(flows_live_as_long_as_the_engine,
                     *boost::unit_test::precondition(kernel_is_there)) {
    const auto packet = tcp_packet();
    const auto engine = engine_of("(count-by src-ip)");
    BOOST_TEST(engine->flows().empty());
    for (uint64_t count = 1; count <= 3; ++count)
        BOOST_TEST((engine->run({packet}) == Outcome::of(count)));
    const auto flows = engine->flows();
    BOOST_REQUIRE(flows.size() == 1u);
    BOOST_TEST((flows[0] == FlowEntry{0, 0x0a0a0a0a, 3}));
    BOOST_TEST(engine_of("(count-by src-ip)")->flows().empty());
}

BOOST_AUTO_TEST_CASE(every_entry_of_a_large_table_is_read,
                     *boost::unit_test::precondition(kernel_is_there)) {
    const auto engine = engine_of("(count-by src-ip)");
    auto packet = tcp_packet();
    for (uint32_t i = 0; i < 10000; ++i) {
        packet[26] = static_cast<uint8_t>(i >> 8);
        packet[27] = static_cast<uint8_t>(i);
        engine->run({packet});
    }
    BOOST_TEST(engine->flows().size() == 10000u);
}

BOOST_AUTO_TEST_CASE(a_refusal_names_the_place, *boost::unit_test::precondition(kernel_is_there)) {
    // r0 is never set: the verifier must say so.
    bpf::Program program;
    program.name = "broken";
    program.source_name = "broken.vfl";
    program.source_text = "(= proto 6)\n";
    program.insns = {ebpf::mov_imm(BPF_REG_2, 0), ebpf::exit_insn()};
    program.lines = {{.insn = 0, .code_offset = 0, .position = {1, 1}},
                     {.insn = 1, .code_offset = 3, .position = {1, 4}}};
    const auto loaded = load_program(program);
    BOOST_REQUIRE(!loaded.has_value());
    BOOST_TEST(loaded.error().reason.find("R0") != std::string::npos, loaded.error().reason);
    BOOST_REQUIRE(loaded.error().code_offset.has_value());
    BOOST_TEST(*loaded.error().code_offset == 3u);
    BOOST_TEST(!loaded.error().log.empty());
    BOOST_TEST((loaded.error().blame == Blame::filter));
    BOOST_TEST(!loaded.error().missing.has_value());
}

BOOST_AUTO_TEST_CASE(more_tables_than_the_kernel_takes_maps,
                     *boost::unit_test::precondition(kernel_is_there)) {
    std::string text = "1";
    for (int i = 0; i < 64; ++i) text = fmt::format("(+ {} (count-by (+ src-ip {})))", text, i);
    const auto filter = load_expression(text);
    BOOST_REQUIRE(filter.has_value());
    const auto prepared = prepare_filter(*filter, {});
    BOOST_REQUIRE(!prepared.has_value());
    BOOST_TEST((prepared.error().blame == Blame::filter));
}

/// How far the memory that was worked out is from what the kernel says, in bytes.
double beside_the_kernel(const std::string& text) {
    const auto program = bpf::generate(compiled(text), {});
    BOOST_REQUIRE(program.has_value());
    double expected = 0;
    for (const MemoryPart& part : memory_of_maps(*program))
        expected += static_cast<double>(part.bytes);
    const auto loaded = load_program(*program);
    BOOST_REQUIRE(loaded.has_value());
    return expected / static_cast<double>(loaded->map_bytes);
}

std::string set_of(size_t members, const char* options) {
    std::string text = fmt::format("(defset s {}", options);
    for (size_t i = 0; i < members; ++i)
        text += fmt::format(" {}.{}.{}.1", 1 + i / 65536 % 200, i / 256 % 256, i % 256);
    return text + ") (in ip.src @s)";
}

BOOST_AUTO_TEST_CASE(the_memory_of_maps_is_known_before,
                     *boost::unit_test::precondition(kernel_is_there)) {
    for (const std::string text :
         {"(deftable t :key conn :capacity 100000) (flow-add! t conn 1)",
          "(deftable t :key conn :capacity 100000 :evict none) (flow-add! t conn 1)",
          "(deftable t :key port :capacity 70000) (flow-add! t tcp.dport 1)"})
        BOOST_TEST(std::abs(beside_the_kernel(text) - 1) < 0.01, text);
    BOOST_TEST(std::abs(beside_the_kernel(set_of(20000, "")) - 1) < 0.05);
    BOOST_TEST(std::abs(beside_the_kernel(set_of(20000, ":live")) - 1) < 0.2);
}

BOOST_AUTO_TEST_CASE(a_live_set_counts_with_its_members,
                     *boost::unit_test::precondition(kernel_is_there)) {
    const auto loaded = load_program(bpf::generate(compiled(set_of(20000, ":live")), {}).value());
    BOOST_REQUIRE(loaded.has_value());
    BOOST_TEST(loaded->map_bytes >= 20000u * 32);
}

BOOST_AUTO_TEST_CASE(maps_beyond_the_bound_are_not_asked_for) {
    const auto filter =
        load_expression("(deftable t :key conn :capacity 67108864) (flow-add! t conn 1)");
    BOOST_REQUIRE(filter.has_value());
    const auto prepared = prepare_filter(*filter, {});
    BOOST_REQUIRE(!prepared.has_value());
    BOOST_TEST((prepared.error().blame == Blame::filter));
    const std::string text = render(prepared.error().failure.diagnostics);
    BOOST_TEST(
        text.find("more than --max-memory=1073741824: map t 8589934592") != std::string::npos,
        text);
}

BOOST_AUTO_TEST_CASE(nor_by_a_test_run) {
    const auto program =
        kernel_program(compiled("(deftable t :key conn :capacity 67108864) (flow-add! t conn 1)"));
    BOOST_REQUIRE(!program.has_value());
    BOOST_TEST((program.error().status == Status::refused));
    const std::string text = render(program.error().diagnostics);
    BOOST_TEST(text.find("a test run asks for 1073741824 at most") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(whose_fault_a_preparation_fails) {
    Filter filter;
    filter.name = "f.bin";
    filter.module.code = {22};  // RET of nothing
    auto prepared = prepare_filter(filter, {});
    BOOST_REQUIRE(!prepared.has_value());
    BOOST_TEST((prepared.error().blame == Blame::input));
    filter.module.fuel = 2000000;
    encode(filter.module.code = {}, Opcode::LEN);
    encode(filter.module.code, Opcode::PUSH, 1);
    encode(filter.module.code, Opcode::JEQ,
           static_cast<uint64_t>(-13));  // a loop with too much fuel
    encode(filter.module.code, Opcode::PUSH, 1);
    encode(filter.module.code, Opcode::RET);
    prepared = prepare_filter(filter, {});
    BOOST_REQUIRE(!prepared.has_value());
    BOOST_TEST((prepared.error().blame == Blame::filter),
               render(prepared.error().failure.diagnostics));
}

BOOST_AUTO_TEST_CASE(clock_and_chance_are_refused) {
    Module module;
    module.code = {140, 22};  // NOW, RET
    const auto verified = verify(module);
    BOOST_REQUIRE(verified.has_value());
    const auto engine = instance_of(kernel_program(*verified));
    BOOST_REQUIRE(!engine.has_value());
    BOOST_TEST((engine.error().status == Status::refused));
    BOOST_TEST(engine.error().diagnostics.front().message.find("NOW") != std::string::npos);
}

// Each RAND takes the next number, on whatever CPU a run is; NOW is the packet's time.
BOOST_AUTO_TEST_CASE(clock_and_chance_that_are_fixed,
                     *boost::unit_test::precondition(kernel_is_there)) {
    Module module;
    module.code = {144, 134, 32, 15, 144, 8, 140, 8, 22};  // RAND << 32 + RAND + NOW
    const auto program = verify(module);
    BOOST_REQUIRE(program.has_value());
    const auto packet = tcp_packet();
    for (const bpf::Hook hook : {bpf::Hook::xdp, bpf::Hook::tc}) {
        const auto engine =
            instance_of(kernel_program(*program, {.hook = hook, .fixed_inputs = true}));
        if (!engine) BOOST_FAIL(render(engine.error().diagnostics));
        RandomSequence random;
        for (uint64_t now = 1000; now < 1020; ++now) {
            const uint64_t high = random.next(), low = random.next();
            BOOST_TEST(((*engine)->run({packet, now}) == Outcome::of((high << 32) + low + now)));
        }
    }
}

BOOST_AUTO_TEST_CASE(more_instructions_than_the_kernel_copies,
                     *boost::unit_test::precondition(kernel_is_there)) {
    bpf::Program program;
    program.name = "large";
    program.insns.assign(1'000'001, ebpf::mov_imm(BPF_REG_0, XDP_PASS));
    program.insns.back() = ebpf::exit_insn();
    const auto loaded = load_program(program);
    BOOST_REQUIRE(!loaded.has_value());
    BOOST_TEST(loaded.error().reason == "it has 1000001 instructions, the kernel takes 1000000");
    BOOST_TEST((loaded.error().blame == Blame::filter));
}

BOOST_AUTO_TEST_CASE(statistics_of_other_versions,
                     *boost::unit_test::precondition(kernel_is_there)) {
    // Shorter and longer than what this version knows: read as far as both know them.
    for (const uint32_t size : {16u, 40u, 4096u}) {
        const Fd map(bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "stats", 4, size, 1, nullptr));
        BOOST_REQUIRE(!!map);
        std::vector<uint64_t> values(size / 8 * cpu_count(), 7);
        const uint32_t key = 0;
        BOOST_REQUIRE(bpf_map_update_elem(map.get(), &key, values.data(), BPF_ANY) == 0);
        const auto stats = read_stats(map.get());
        BOOST_REQUIRE(stats.has_value());
        BOOST_TEST(stats->packets == 7u * cpu_count());
        BOOST_TEST(stats->bytes == 7u * cpu_count());
        BOOST_TEST(stats->drop == (size < 32 ? 0 : 7u * cpu_count()));
    }
}

BOOST_AUTO_TEST_CASE(maps_that_are_not_ours, *boost::unit_test::precondition(kernel_is_there)) {
    const Fd narrow(bpf_map_create(BPF_MAP_TYPE_HASH, "narrow", 4, 4, 8, nullptr));
    BOOST_TEST(!read_flows(narrow.get(), 8).has_value());
    BOOST_TEST(!read_stats(narrow.get()).has_value());
    BOOST_TEST(!read_stats(-1).has_value());
}

BOOST_AUTO_TEST_CASE(a_record_of_many_pieces, *boost::unit_test::precondition(test::bpf_is_there)) {
    Record record;
    record.name = "large";
    record.source = std::string(100000, 'x');
    record.stats_map = "vfm_stats";
    record.program = Bytes(65536, 0x16);
    record.program_size = 65536;
    const Generation generation{.program_id = 3, .filters = {record}};
    const auto map = make_record_map(generation);
    BOOST_REQUIRE(map.has_value());
    const std::string path = test::bpffs() + "/record";
    BOOST_REQUIRE(bpf_obj_pin(map->get(), path.c_str()) == 0);
    const auto back = read_record_map(path, Programs::read);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == generation));
    const Fd other(bpf_map_create(BPF_MAP_TYPE_HASH, "other", 4, 4, 8, nullptr));
    BOOST_REQUIRE(bpf_obj_pin(other.get(), (path + "-2").c_str()) == 0);
    BOOST_TEST(!read_record_map(path + "-2", Programs::read).has_value());
    // Nobody can change it.
    const uint32_t key = 0;
    const std::vector<uint8_t> zeros(4096);
    BOOST_TEST(bpf_map_update_elem(map->get(), &key, zeros.data(), BPF_ANY) != 0);
}

// The log of all its steps has no room in any buffer of ours: errno is then ENOSPC, on kernels
// before 6.4 with the log's beginning.
BOOST_AUTO_TEST_CASE(a_log_without_room_still_tells_why,
                     *boost::unit_test::precondition(kernel_is_there)) {
    const auto emitted = bpf::generate(*verify_filter(*load_expression("(= proto 6)")), {});
    BOOST_REQUIRE(emitted.has_value());
    bpf::Program program = *emitted;
    bpf_insn back = ebpf::jump_if_imm(BPF_JLT, 0, 0x7fffffff);
    back.off = -2;
    program.insns = {ebpf::mov_imm(0, 0), ebpf::alu_imm(BPF_ADD, 0, 1), back, ebpf::exit_insn()};
    program.map_references.clear();
    program.data_references.clear();
    program.lines.resize(1);
    const auto loaded = load_program(program);
    BOOST_REQUIRE(!loaded.has_value());
    BOOST_TEST(loaded.error().error == E2BIG);
    BOOST_TEST(loaded.error().reason.find("too large") != std::string::npos, loaded.error().reason);
    BOOST_TEST(loaded.error().advice.find("user space") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
