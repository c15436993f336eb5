#include "loader/verbs/session.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "core/packet/headers.h"

BOOST_AUTO_TEST_SUITE(session_test)

using namespace vfm;

namespace {

const SessionPath kPath = {.own_mac = {2, 0, 0, 0, 0, 1},
                           .next_mac = {2, 0, 0, 0, 0, 2},
                           .next_hop = Wide{0, 0x0a090002},
                           .tags = {},
                           .mtu = 1500};

SshSession session(const char* text) {
    const auto parsed = parse_ssh_connection(text);
    BOOST_TEST_REQUIRE(parsed.has_value(), text);
    return *parsed;
}

/// What is left when a sum that is right is added to what it is of: 0.
uint16_t sum_of(ByteView bytes, uint32_t sum = 0) {
    for (size_t i = 0; i < bytes.size(); ++i) sum += uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

std::vector<std::string> names_of(const std::vector<NamedPacket>& packets) {
    std::vector<std::string> names;
    for (const NamedPacket& packet : packets) names.push_back(packet.what);
    return names;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_variable_is_read) {
    const SshSession four = session("192.0.2.7 51512 203.0.113.1 22");
    BOOST_TEST(!four.is_ipv6);
    BOOST_TEST(four.peer.lo == 0xc0000207u);
    BOOST_TEST(four.own_port == 22);
    BOOST_TEST(session_text(four) == "192.0.2.7:51512 to 203.0.113.1:22");
    const SshSession six = session("fe80::7%eth0 51512 fe80::1%eth0 22");
    BOOST_TEST(six.is_ipv6);
    BOOST_TEST(six.zone == "eth0");
    BOOST_TEST(session_text(six) == "[fe80::7]:51512 to [fe80::1]:22");
    for (const char* text :
         {"", "192.0.2.7", "192.0.2.7 1 203.0.113.1", "192.0.2.7 0 203.0.113.1 22",
          "192.0.2.7 1 203.0.113.1 65536", "192.0.2.7 1 fe80::1 22", "host 1 203.0.113.1 22",
          "7 1 203.0.113.1 22", "192.0.2.7 1 203.0.113.1 22 5", "192.0.2.7 x 203.0.113.1 22"})
        BOOST_TEST(!parse_ssh_connection(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(segments_of_both_directions) {
    const SshSession four = session("10.9.0.2 50000 10.9.0.1 22");
    for (const bool incoming : {true, false}) {
        const auto packets = session_packets(four, kPath, incoming);
        BOOST_TEST_REQUIRE(packets.size() == 5u);
        for (const NamedPacket& packet : std::span(packets).first(3)) {
            const Headers headers = walk_headers(packet.bytes);
            BOOST_TEST(headers[HeaderFact::proto] == 6u);
            const auto tcp = headers[HeaderFact::transport_offset];
            BOOST_TEST(tcp == 34u);
            const ByteView bytes = packet.bytes;
            BOOST_TEST((bytes[tcp] << 8 | bytes[tcp + 1]) == (incoming ? 50000 : 22));
            BOOST_TEST(bytes[tcp - 8 + 3] == (incoming ? 2 : 1));
            BOOST_TEST(bytes[11] == (incoming ? 2 : 1));
            BOOST_TEST(sum_of(bytes.subspan(14, 20)) == 0);
            const size_t length = (size_t{bytes[16]} << 8 | bytes[17]) - 20;
            BOOST_TEST(sum_of(bytes.subspan(26, 8 + length), static_cast<uint32_t>(6 + length)) ==
                       0);
        }
        BOOST_TEST(packets[0].bytes.size() == 66u);
        BOOST_TEST(packets[2].bytes.size() == 1514u);
    }
}

BOOST_AUTO_TEST_CASE(addresses_are_asked_for) {
    const SshSession four = session("192.0.2.7 50000 10.9.0.1 22");
    using Names = std::vector<std::string>;
    const Names segments = {"a TCP segment without data", "a TCP segment with a keystroke",
                            "a full TCP segment"};
    const auto with = [&](Names more) {
        more.insert(more.begin(), segments.begin(), segments.end());
        return more;
    };
    BOOST_TEST((names_of(session_packets(four, kPath, true)) ==
                with({"an ARP request for 10.9.0.1", "an ARP reply of 10.9.0.2"})));
    BOOST_TEST((names_of(session_packets(four, kPath, false)) ==
                with({"an ARP request for 10.9.0.2", "an ARP reply of 10.9.0.1"})));
    const Bytes request = session_packets(four, kPath, true)[3].bytes;
    const Bytes expected = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  2, 8, 6,
                            0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0, 0, 2,
                            10,   9,    0,    2,    0,    0,    0, 0, 0, 0, 10, 9, 0, 1};
    BOOST_TEST(request.size() == 60u);
    BOOST_TEST((Bytes(request.begin(), request.begin() + 42) == expected));
    SessionPath loopback = kPath;
    loopback.next_hop.reset();
    BOOST_TEST((names_of(session_packets(four, loopback, true)) == segments));
}

BOOST_AUTO_TEST_CASE(neighbours_of_ipv6_below_a_vlan) {
    const SshSession six = session("fd09::2 50000 fd09::1 22");
    SessionPath path = kPath;
    path.next_hop = six.peer;
    path.tags = {10};
    const auto packets = session_packets(six, path, true);
    BOOST_TEST_REQUIRE(packets.size() == 6u);
    for (const NamedPacket& packet : packets) {
        const ByteView bytes = packet.bytes;
        BOOST_TEST((bytes[12] << 8 | bytes[13]) == 0x8100);
        BOOST_TEST(bytes[15] == 10);
        const size_t length = size_t{bytes[22]} << 8 | bytes[23];
        const uint8_t proto = bytes[24];
        BOOST_TEST(sum_of(bytes.subspan(26, 32 + length), static_cast<uint32_t>(proto + length)) ==
                   0);
    }
    const Bytes& asked = packets[3].bytes;
    BOOST_TEST(packets[3].what == "a neighbour solicitation for fd09::1");
    BOOST_TEST((Bytes(asked.begin(), asked.begin() + 6) == Bytes{0x33, 0x33, 0xff, 0, 0, 1}));
    BOOST_TEST(asked[25] == 255);  // hops
    BOOST_TEST(asked[58] == 135);
    BOOST_TEST(packets[5].bytes[58] == 136);
    BOOST_TEST(packets[5].what == "a neighbour advertisement of fd09::2");
}

BOOST_AUTO_TEST_SUITE_END()
