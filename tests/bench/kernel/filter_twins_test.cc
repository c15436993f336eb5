// F1 to F9 in C beside the reference and our eBPF, packet by packet in the kernel: nothing is timed
// that does not decide and count alike.
#include <bpf/bpf.h>
#include <fmt/core.h>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "core/run/verdict.h"
#include "loader/counters.h"
#include "loader/load.h"
#include "loader/test_run.h"
#include "tests/bench/kernel/counted.h"
#include "tests/bench/kernel/loaded.h"
#include "tests/bench/lists.h"
#include "tests/bench/packet_maker.h"
#include "tests/engines/sizes.h"
#include "tests/twins/twin_packets.h"
#include "tests/twins/value_of.h"
#include "tests/twins/variations.h"
#include "userspace/engines/engines.h"

namespace vfm::bench {
BOOST_AUTO_TEST_SUITE(filter_twins_test)

namespace {

namespace data = boost::unit_test::data;
using twins::KernelTwin;
using twins::Probe;
using twins::value_of;

constexpr size_t kTraffic = 4'000, kVaried = 10'000;

boost::test_tools::assertion_result a_kernel_is_there(boost::unit_test::test_unit_id) {
    const std::string missing = kernel_engine_missing();
    boost::test_tools::assertion_result result(missing.empty());
    result.message() << "no twin can be run: " << missing;
    return result;
}

std::vector<Probe> traffic() {
    PacketMaker maker(3);
    std::vector<Probe> made;
    uint64_t now = 1'000'000'000'000;
    const auto add = [&](std::span<const uint8_t> packet) {
        made.push_back({.bytes = {packet.begin(), packet.end()}, .timestamp = now += 1'000});
    };
    for (size_t i = 0; i < kTraffic; ++i) add(i % 4 ? maker.mixed() : maker.attack());
    return made;
}

void set_address(Bytes& frame, uint32_t address) {
    for (size_t i = 0; i < 4; ++i) frame[26 + i] = static_cast<uint8_t>(address >> (24 - 8 * i));
}

/// What the lists of F7 and F8 have, and what lies beside it.
void add_listed(std::vector<Probe>& packets) {
    const auto add = [&](uint32_t address, uint16_t port) {
        Bytes frame(60);
        frame[12] = 0x08;
        frame[14] = 0x45;
        frame[23] = 6;
        set_address(frame, address);
        frame[36] = static_cast<uint8_t>(port >> 8);
        frame[37] = static_cast<uint8_t>(port & 0xff);
        packets.push_back({.bytes = frame, .timestamp = packets.back().timestamp});
    };
    for (const Rule& rule : rules())
        for (const uint32_t address :
             {rule.net - 1, rule.net, rule.net | ~rule.mask, (rule.net | ~rule.mask) + 1})
            for (const int beside : {-1, 0, 1})
                add(address, static_cast<uint16_t>(rule.port + beside));
    for (const uint32_t address : addresses())
        for (const uint32_t beside : {address - 1, address, address + 1}) add(beside, 80);
}

/// Each of some packets, cut off at every length that a test run takes.
void add_cut(std::vector<Probe>& packets) {
    constexpr size_t kLeast = 14, kMost = 64, kWhole = 200;
    for (size_t i = 0; i < kWhole; ++i) {
        const Probe whole = packets[i * packets.size() / (2 * kWhole)];
        for (size_t size = kLeast; size < std::min(kMost, whole.bytes.size()); ++size) {
            Probe cut = whole;
            cut.bytes.resize(size);
            packets.push_back(std::move(cut));
        }
    }
}

std::vector<Probe> packets_of(const Subject& subject) {
    auto packets = twins::packets_for({.capture = traffic(),
                                       .module = &subject.program.module(),
                                       .lists = {},
                                       .count = test::sized(kVaried),
                                       .seed = 11});
    add_listed(packets);
    add_cut(packets);
    return packets;
}

/// See the twin of F7 for why it is not asked about these.
bool is_left_out(const Subject& subject, const Bytes& frame) {
    constexpr size_t kToAddress = 30, kToPort = 38;
    return subject.name == "F7" && frame.size() >= kToAddress && frame.size() < kToPort;
}

/// Our program as it is measured, in the kernel.
class Ours {
  public:
    explicit Ours(const VerifiedModule& program)
        : loaded_(load_program(value_of(our_build(program)))) {
        if (!loaded_) BOOST_FAIL(loaded_.error().reason);
    }
    std::optional<uint32_t> run(ByteView frame) const {
        auto options = libbpf_options<bpf_test_run_opts>();
        options.data_in = frame.data();
        options.data_size_in = static_cast<uint32_t>(frame.size());
        options.repeat = 1;
        if (bpf_prog_test_run_opts(loaded_->fd.get(), &options) != 0) return std::nullopt;
        return options.retval;
    }
    vfm_stats stats() const {
        return value_of(read_stats(loaded_->find(bpf::MapRole::stats)->fd.get()));
    }

  private:
    std::expected<LoadedProgram, LoadRefusal> loaded_;
};

void check_alike(const vfm_stats& twin, const vfm_stats& other) {
    BOOST_TEST(twin.packets == other.packets);
    BOOST_TEST(twin.bytes == other.bytes);
    BOOST_TEST(twin.pass == other.pass);
    BOOST_TEST(twin.drop == other.drop);
    BOOST_TEST(twin.log == other.log);
    BOOST_TEST(twin.refused_stores == other.refused_stores);
    for (size_t kind = 0; kind < VFM_ERROR_KINDS; ++kind)
        BOOST_TEST(twin.errors[kind] == other.errors[kind]);
}

}  // namespace

BOOST_TEST_DECORATOR(*boost::unit_test::precondition(a_kernel_is_there))
BOOST_DATA_TEST_CASE(the_same_verdicts_and_statistics, data::make(filter_twins()), twin) {
    const Subject subject = value_of(make_subject(std::string(twin.name)));
    KernelTwin in_c = value_of(KernelTwin::load(twin, twins::Clock::kernel));
    const Ours ours(subject.program);
    const auto reference =
        value_of(find_engine(engine_kinds().front().name)->make(subject.program));
    vfm_stats expected{};
    size_t different = 0;
    for (const Probe& probe : packets_of(subject)) {
        if (is_left_out(subject, probe.bytes)) continue;
        const Packet packet{.bytes = probe.bytes, .timestamp = probe.timestamp};
        const auto action = in_c.run(packet);
        if (!action) continue;
        const Outcome outcome = reference->run(packet);
        const Verdict verdict = Verdict::of(outcome);
        const bool passes = verdict.kind != Verdict::Kind::drop;
        ++expected.packets;
        expected.bytes += packet.bytes.size();
        ++(passes ? expected.pass : expected.drop);
        if (verdict.kind == Verdict::Kind::error)
            ++expected.errors[-static_cast<int>(verdict.error)];
        const uint32_t wanted = passes ? XDP_PASS : XDP_DROP;
        const auto our_action = ours.run(probe.bytes);
        if (*action == wanted && our_action == wanted) continue;
        BOOST_ERROR(fmt::format("{} bytes: reference {}, C {}, ours {}", probe.bytes.size(), wanted,
                                *action, our_action.value_or(0)));
        if (++different == 3) break;
    }
    // Every way out is tried.
    BOOST_TEST(expected.pass > expected.errors[6]);
    BOOST_TEST(expected.drop > 0U);
    BOOST_TEST(expected.errors[6] > 0U);
    check_alike(in_c.counts().stats, expected);
    check_alike(in_c.counts().stats, ours.stats());
    BOOST_TEST_MESSAGE(fmt::format("{}: {} packets", twin.name, expected.packets));
}

// Those of the cookbook, too, on what they are measured with.
BOOST_DATA_TEST_CASE(the_same_on_what_is_measured, data::make(subject_names()), name) {
    const Executed executed = value_of(count_executed(value_of(make_subject(name))));
    BOOST_TEST(executed.clang > 10);
    BOOST_TEST(executed.ours > 10);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bench
