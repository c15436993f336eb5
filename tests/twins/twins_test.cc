// Each C twin beside the filter that it is the twin of, packet by packet, tables and clock going
// on.
#include <fmt/core.h>

#include <algorithm>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <map>
#include <thread>

#include "bpfgen/object.h"
#include "core/base/io.h"
#include "core/front/front.h"
#include "core/run/verdict.h"
#include "loader/load.h"
#include "loader/test_run.h"
#include "tests/engines/sizes.h"
#include "tests/twins/kernel_twin.h"
#include "tests/twins/twin_packets.h"
#include "tests/twins/value_of.h"
#include "userspace/engines/engines.h"

namespace vfm::twins {
BOOST_AUTO_TEST_SUITE(twins_test)

namespace {

namespace data = boost::unit_test::data;

constexpr size_t kVaried = 20'000;

boost::test_tools::assertion_result kernel_is_there(boost::unit_test::test_unit_id) {
    const std::string missing = kernel_engine_missing();
    boost::test_tools::assertion_result result(missing.empty());
    result.message() << "no twin can be run: " << missing;
    return result;
}

std::string hex(ByteView bytes) {
    std::string out;
    for (const uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
    return out;
}

/// An engine and what it has decided.
struct Judge {
    std::unique_ptr<Instance> instance;
    vfm_stats stats{};

    bool passes(const Packet& packet) {
        const Verdict verdict = Verdict::of(instance->run(packet));
        BOOST_REQUIRE((verdict.kind == Verdict::Kind::pass || verdict.kind == Verdict::Kind::drop));
        ++stats.packets;
        stats.bytes += packet.bytes.size();
        ++(verdict.lets_in() ? stats.pass : stats.drop);
        return verdict.lets_in();
    }
};

Judge judge(std::string_view engine, const VerifiedModule& program) {
    return {.instance = value_of(find_engine(engine)->make(program))};
}

std::vector<size_t> table_sizes(const Instance& instance) {
    std::map<uint32_t, size_t> sizes;
    for (const FlowEntry& entry : instance.flows()) ++sizes[entry.table];
    std::vector<size_t> out;
    for (const auto& [table, size] : sizes) out.push_back(size);
    std::ranges::sort(out);
    return out;
}

void check_counts(const KernelTwin& twin, const Judge& judge) {
    const twin_counts counts = twin.counts();
    const vfm_stats& ours = judge.stats;
    BOOST_TEST(counts.stats.packets == ours.packets);
    BOOST_TEST(counts.stats.bytes == ours.bytes);
    BOOST_TEST(counts.stats.pass == ours.pass);
    BOOST_TEST(counts.stats.drop == ours.drop);
    BOOST_TEST(counts.stats.log == ours.log);
    BOOST_TEST(counts.stats.refused_stores == judge.instance->refused_stores());
    for (const uint64_t errors : counts.stats.errors) BOOST_TEST(errors == 0U);
    const auto groups = judge.instance->counters();
    BOOST_TEST_REQUIRE(groups.size() == 1U);
    BOOST_TEST_REQUIRE(groups[0].size() <= size_t{TWIN_RULES});
    for (size_t rule = 0; rule < groups[0].size(); ++rule) {
        BOOST_TEST_CONTEXT("rule " << rule) {
            BOOST_TEST(counts.rules[rule].packets == groups[0][rule].packets);
            BOOST_TEST(counts.rules[rule].bytes == groups[0][rule].bytes);
            BOOST_TEST(counts.rules[rule].packets > 0U);  // tried
        }
    }
    BOOST_TEST(twin.table_sizes() == table_sizes(*judge.instance),
               boost::test_tools::per_element());
}

uint64_t instructions(const bpf_prog_info& info) { return info.xlated_prog_len / sizeof(bpf_insn); }

/// How large the twin that is measured and our program are.
std::string sizes(const Twin& twin, const VerifiedModule& program) {
    const KernelTwin measured = value_of(KernelTwin::load(twin, Clock::kernel));
    const auto emitted = value_of(bpf::generate(program, {.frames = bpf::Frames::linear}));
    const auto ours = load_program(emitted);
    bpf_prog_info of_twin{}, of_ours{};
    BOOST_REQUIRE(program_facts(measured.fd(), of_twin));
    BOOST_REQUIRE(ours.has_value() && program_facts(ours->fd.get(), of_ours));
    return fmt::format("instructions: twin {} ({} verified), ours {} ({} verified)",
                       instructions(of_twin), of_twin.verified_insns, instructions(of_ours),
                       of_ours.verified_insns);
}

}  // namespace

BOOST_TEST_DECORATOR(*boost::unit_test::precondition(kernel_is_there))
BOOST_DATA_TEST_CASE(the_same_verdicts_and_counts, data::make(all_twins()), twin) {
    const std::string path = fmt::format("{}/{}", VFM_COOKBOOK, twin.filter);
    const auto filter = value_of(load_filter(path + ".vfl"));
    const auto program = value_of(verify_filter(filter));
    const auto packets = packets_for(
        {.capture = value_of(captured(fmt::format("{}/{}.pcap", VFM_CAPTURES, twin.filter))),
         .module = &filter.module,
         .lists = value_of(read_text(VFM_COOKBOOK "/geo-block.txt")),
         .count = test::sized(kVaried),
         .seed = 10});
    KernelTwin kernel = value_of(KernelTwin::load(twin, Clock::packet));
    Judge reference = judge(engine_kinds().front().name, program);
    Judge emitted = judge(twin.reads_clock ? "bpf" : "kernel", program);
    size_t different = 0;
    for (size_t i = 0; i < packets.size() && different < 3; ++i) {
        const Packet packet{.bytes = packets[i].bytes, .timestamp = packets[i].timestamp};
        const auto action = kernel.run(packet);
        if (!action) continue;
        const bool expected = reference.passes(packet), ours = emitted.passes(packet);
        if (*action == (expected ? XDP_PASS : XDP_DROP) && ours == expected) continue;
        ++different;
        BOOST_ERROR(fmt::format("packet {}: reference {}, twin {}, our eBPF {}: {}", i,
                                expected ? "pass" : "drop", *action == XDP_PASS ? "pass" : "drop",
                                ours ? "pass" : "drop", hex(packet.bytes)));
    }
    BOOST_TEST(reference.stats.packets > packets.size() * 9 / 10);
    check_counts(kernel, reference);
    check_counts(kernel, emitted);
    BOOST_TEST_MESSAGE(fmt::format("{} {}: {} packets; {}", twin.name, twin.filter,
                                   reference.stats.packets, sizes(twin, program)));
}

BOOST_AUTO_TEST_CASE(no_token_is_given_twice, *boost::unit_test::precondition(kernel_is_there)) {
    const Twin& syn_limit = all_twins().front();
    const auto capture =
        value_of(captured(fmt::format("{}/{}.pcap", VFM_CAPTURES, syn_limit.filter)));
    KernelTwin twin = value_of(KernelTwin::load(syn_limit, Clock::packet));
    // The first that takes a token: a rule's counter says so.
    constexpr size_t kConnections = 4;
    const auto taker = std::ranges::find_if(capture, [&](const Probe& probe) {
        twin.run({.bytes = probe.bytes, .timestamp = probe.timestamp});
        return twin.counts().rules[kConnections].packets == 1;
    });
    BOOST_TEST_REQUIRE((taker != capture.end()));
    const Packet packet{.bytes = taker->bytes, .timestamp = taker->timestamp};
    const uint64_t before = twin.counts().stats.pass - 1;
    // Two at once empty the bucket over and over, and let time go by for ten tokens.
    constexpr unsigned kRounds = 1'000, kTokens = 10;
    constexpr uint64_t kInterval = 20'000'000;
    const auto work = [&] {
        for (unsigned i = 0; i < kRounds; ++i) {
            for (unsigned run = 0; run < 5 * kTokens; ++run) twin.run_now(packet);
            twin.advance(kTokens * kInterval);
        }
    };
    {
        const std::jthread one(work), other(work);
    }
    for (unsigned run = 0; run < 200; ++run) twin.run_now(packet);
    const uint64_t given = twin.counts().stats.pass - before;
    BOOST_TEST(given <= 100 + 2 * kRounds * kTokens);
    BOOST_TEST(given > kRounds * kTokens);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::twins
