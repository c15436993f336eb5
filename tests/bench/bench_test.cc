// The bench itself: it finds an engine that lies, and its packets are what they are said to be.
#include <array>
#include <boost/test/unit_test.hpp>
#include <map>

#include "tests/bench/measure.h"
#include "tests/bench/names.h"
#include "tests/bench/options.h"
#include "tests/bench/packet_maker.h"

BOOST_AUTO_TEST_SUITE(bench_test)

using namespace vfm;
using namespace vfm::bench;

namespace {

/// Accepts TCP, but not the packet that has number `wrong`.
template <size_t kWrong>
class Liar final : public Prepared {
  public:
    void walk(std::span<const Packet> packets, uint8_t* verdicts) override {
        for (size_t i = 0; i < packets.size(); ++i) {
            const ByteView bytes = packets[i].bytes;
            verdicts[i] = bytes.size() > 23 && bytes[23] == 6 && i + 1 != kWrong;
        }
    }
};

template <size_t kWrong>
Contender liar(std::string_view name) {
    return {
        .name = name, .what = "", .prepare = [](const BenchFilter&) -> std::unique_ptr<Prepared> {
            return std::make_unique<Liar<kWrong>>();
        }};
}

/// Number of the first TCP packet.
size_t first_tcp(const Trace& trace) {
    for (size_t i = 0; i < trace.packets.size(); ++i)
        if (trace.packets[i].bytes[23] == 6) return i + 1;
    return 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(finds_the_packet_on_which_an_engine_lies) {
    const Trace trace = make_trace("imix", true);
    BOOST_TEST_REQUIRE(first_tcp(trace) != 0u);
    BOOST_TEST_REQUIRE(first_tcp(trace) <= 3u);
    const BenchFilter& filter = filters()[0];
    size_t accepted = 0;

    const std::array honest = {liar<0>("one"), liar<0>("two")};
    BOOST_TEST(!compare(honest, filter, trace, accepted));
    BOOST_TEST(accepted > trace.packets.size() / 3);

    std::array lying = {liar<0>("one"), liar<1>("two"), liar<2>("three"), liar<3>("four")};
    const auto found = compare(lying, filter, trace, accepted);
    BOOST_TEST_REQUIRE(found.has_value());
    BOOST_TEST(found->reference == "one");
    BOOST_TEST(found->filter == "F1");
    BOOST_TEST(found->trace == "imix");
    BOOST_TEST(found->packet >= first_tcp(trace));
    BOOST_TEST(found->packet <= 3u);
    BOOST_TEST(found->expected);
    BOOST_TEST(!found->got);
}

BOOST_AUTO_TEST_CASE(times_everybody_and_notices_a_changed_count) {
    Trace trace = make_trace("imix-hot", true);
    const std::array field = {liar<0>("one"), liar<0>("two")};
    size_t accepted = 0;
    BOOST_TEST(!compare(field, filters()[0], trace, accepted));
    const Effort effort = {.passes = 3, .pass_ms = 0.01, .compile_ms = 0.01};
    const auto times = measure(field, filters()[0], trace, accepted, effort);
    BOOST_TEST_REQUIRE(times.size() == 2u);
    for (const auto& passes : times) {
        BOOST_TEST(passes.size() == 3u);
        for (const double ns : passes) BOOST_TEST(ns > 0);
    }
    BOOST_CHECK_THROW(measure(field, filters()[0], trace, accepted + 1, effort),
                      std::runtime_error);
}

BOOST_AUTO_TEST_CASE(the_mix_is_as_described) {
    PacketMaker maker(1);
    std::map<uint16_t, unsigned> types;
    std::map<uint8_t, unsigned> protocols;
    constexpr unsigned kPackets = 20'000;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < kPackets; ++i) {
        const auto packet = maker.mixed();
        BOOST_TEST_REQUIRE(packet.size() >= 60u);
        BOOST_TEST_REQUIRE(packet.size() <= 1514u);
        bytes += packet.size();
        const auto type = load_be<uint16_t>(packet.data() + 12);
        ++types[type];
        if (type == 0x0800) ++protocols[packet[23]];
    }
    const auto share = [&](unsigned count) { return 100.0 * count / kPackets; };
    BOOST_TEST(share(types[0x0800]) == 73, boost::test_tools::tolerance(0.03));
    BOOST_TEST(share(types[0x86DD]) == 19, boost::test_tools::tolerance(0.05));
    BOOST_TEST(share(types[0x8100]) == 6, boost::test_tools::tolerance(0.1));
    BOOST_TEST(share(types[0x0806]) == 2, boost::test_tools::tolerance(0.2));
    BOOST_TEST(share(protocols[6]) == 73 * 0.70, boost::test_tools::tolerance(0.03));
    BOOST_TEST(share(protocols[17]) == 73 * 0.25, boost::test_tools::tolerance(0.05));
    BOOST_TEST(static_cast<double>(bytes) / kPackets == 350, boost::test_tools::tolerance(0.2));
}

BOOST_AUTO_TEST_CASE(the_same_seed_makes_the_same_packets) {
    const Trace first = make_trace("ddos", true), second = make_trace("ddos", true);
    BOOST_TEST_REQUIRE(first.packets.size() == second.packets.size());
    for (size_t i = 0; i < first.packets.size(); ++i) {
        BOOST_TEST_REQUIRE(std::ranges::equal(first.packets[i].bytes, second.packets[i].bytes));
        BOOST_TEST_REQUIRE(reinterpret_cast<uintptr_t>(first.packets[i].bytes.data()) % 64 == 0u);
    }
}

BOOST_AUTO_TEST_CASE(options_name_what_they_do_not_know) {
    const std::array good = {"--quick", "--filter", "F1,F9", "--trace=imix", "--passes", "3"};
    const auto options = parse_options(good);
    BOOST_TEST_REQUIRE(options.has_value());
    BOOST_TEST(options->filters.size() == 2u);
    BOOST_TEST(options->effort.passes == 3u);
    BOOST_TEST(Options::takes(options->traces, "imix"));
    BOOST_TEST(!Options::takes(options->traces, "ddos"));
    BOOST_TEST(Options::takes(options->engines, "anything"));
}

BOOST_AUTO_TEST_CASE(bad_values_are_named_with_what_is_allowed) {
    const std::pair<const char*, const char*> cases[] = {
        {"--filter=F10", "--filter=F10: there is no filter 'F10'; there are F1, F2, F3"},
        {"--filter=,", "--filter=,: there is no filter ''; there are F1,"},
        {"--filter=F1,", "there is no filter ''"},
        {"--filter=", "there is no filter ''"},
        {"--filter", "there is no filter ''"},
        {"--engine=rte_bpf", "there is no engine 'rte_bpf'; there are interp, jit, batch, gcc,"},
        {"--trace=tcp", "there is no trace 'tcp'; there are cut, imix-hot, imix, ddos, imix-cold"},
        {"--passes=0", "--passes=0: needs a number from 1 to"},
        {"--passes=many", "--passes=many: needs a number"},
        {"--passes=99999999999", "needs a number"},
        {"--cpu=-1", "--cpu=-1: needs the number of a CPU"},
        {"--cpu", "--cpu=: needs the number of a CPU"},
        {"what", "what is 'what'?"},
        {"--what=1", "what is '--what'?"}};
    for (const auto& [bad, says] : cases) {
        const auto options = parse_options(std::array{bad});
        BOOST_TEST_REQUIRE(!options.has_value(), bad);
        BOOST_TEST(options.error().contains(says), options.error());
    }
}

BOOST_AUTO_TEST_CASE(whoever_takes_part_is_in_the_table_of_names) {
    const Field field = all_contenders();
    for (const Contender& contender : field.contenders) {
        BOOST_TEST(is_name(engine_names(), contender.name));
        BOOST_TEST(contender.what.starts_with(what_is(engine_names(), contender.name)));
    }
    for (const Missing& missing : field.missing) BOOST_TEST(is_name(engine_names(), missing.name));
    BOOST_TEST(field.contenders.size() + field.missing.size() == engine_names().size());
    BOOST_TEST_REQUIRE(filters().size() == filter_names().size());
    for (size_t i = 0; i < filters().size(); ++i)
        BOOST_TEST(filters()[i].name == filter_names()[i].name);
}

BOOST_AUTO_TEST_SUITE_END()
