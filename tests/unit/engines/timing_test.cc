// What vfm-test -s times: packets from memory, as many as fit.
#include "userspace/tools/test_timing.h"

#include <array>
#include <boost/test/unit_test.hpp>

namespace vfm {
BOOST_AUTO_TEST_SUITE(timing_test)

namespace {

/// Takes packets that begin with a 1.
class Picky final : public Instance {
  public:
    std::string_view name() const override { return "picky"; }
    Outcome run(const Packet& packet) override {
        ++runs;
        return packet.bytes[0] == 1 ? Outcome::of(1) : Outcome::skip();
    }
    std::vector<FlowEntry> flows() const override { return {}; }
    std::vector<std::vector<Count>> counters() const override { return {}; }
    uint64_t refused_stores() const override { return 0; }
    unsigned runs = 0;
};

const std::array<uint8_t, 100> kOne = {1}, kTwo = {2};

BOOST_AUTO_TEST_CASE(keeps_the_first_packets_and_none_behind_a_gap) {
    PacketStore store(300);
    store.add({.bytes = kOne});
    store.add({.bytes = kTwo});
    BOOST_TEST(store.all_kept());
    BOOST_TEST(store.size() == 2u);
    store.add({.bytes = kOne});
    BOOST_TEST(!store.all_kept());
    store.add({.bytes = ByteView(kOne).first(1)});
    BOOST_TEST(store.size() == 2u);
}

BOOST_AUTO_TEST_CASE(empty_packets_take_room_too) {
    PacketStore store(300);
    for (int i = 0; i < 100; ++i) store.add({});
    BOOST_TEST(store.size() < 100u);
    BOOST_TEST(!store.all_kept());
}

BOOST_AUTO_TEST_CASE(times_what_an_engine_takes) {
    PacketStore store;
    for (int i = 0; i < 3; ++i) {
        store.add({.bytes = kOne});
        store.add({.bytes = kTwo});
    }
    Picky engine;
    const std::vector<Packet> taken = store.taken_by(engine);
    BOOST_TEST(engine.runs == 6u);
    BOOST_TEST_REQUIRE(taken.size() == 3u);
    const Timing timing = measure(engine, taken, 0);
    BOOST_TEST(timing.engine == "picky");
    BOOST_TEST(timing.packets == 3u);
    BOOST_TEST(timing.passes >= 1u);
    BOOST_TEST(timing.min <= timing.median);
    BOOST_TEST(timing.median <= timing.max);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
