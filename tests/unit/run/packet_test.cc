// What a packet is, and what stands beside it.
#include "core/run/packet.h"

#include <boost/test/unit_test.hpp>

namespace vfm {
BOOST_AUTO_TEST_SUITE(packet_test)

namespace {

// Vector code reads arrays of packets as three words each; it looks itself, and would refuse.
static_assert(sizeof(Packet) == 24);
static_assert(sizeof(FrameInfo) == 16);

BOOST_AUTO_TEST_CASE(a_capture_says_nothing_but_the_length) {
    const Bytes bytes(60);
    const Frame frame{.packet = {bytes}};
    BOOST_TEST(frame.info.length_of(frame.packet) == 60u);
    BOOST_TEST(frame.info.interface == 0u);
    BOOST_TEST(frame.info.queue == 0u);
    BOOST_TEST(!frame.info.taken_tag.present());
    BOOST_TEST(frame.packet.timestamp == 0u);
}

BOOST_AUTO_TEST_CASE(the_length_on_the_wire_goes_before_what_was_kept) {
    const Bytes bytes(60);
    const Frame frame{.packet = {bytes},
                      .info = {.wire_length = 1514, .taken_tag = {.protocol = 0x8100, .tci = 7}}};
    BOOST_TEST(frame.info.length_of(frame.packet) == 1514u);
    BOOST_TEST(frame.info.taken_tag.present());
}

BOOST_AUTO_TEST_CASE(a_run_sees_the_first_bytes) {
    const Bytes bytes(kMaxPacket + 10);
    BOOST_TEST(Packet{bytes}.visible().size() == kMaxPacket);
    BOOST_TEST(Packet{ByteView(bytes).first(9)}.visible().size() == 9u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
