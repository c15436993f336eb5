#include <fmt/core.h>

#include <algorithm>

#include "loader/verbs/session.h"

namespace vfm {
namespace {

constexpr MacAddress kBroadcast = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr size_t kShortest = 60, kTcpHead = 32;
constexpr uint16_t kIpv4Type = 0x0800, kArpType = 0x0806, kIpv6Type = 0x86dd, kTagType = 0x8100;
constexpr uint8_t kTcp = 6, kIcmp6 = 58;
constexpr uint8_t kSolicitation = 135, kAdvertisement = 136;

void append_be(Bytes& bytes, uint64_t value, unsigned size) {
    for (unsigned i = size; i-- > 0;) bytes.push_back(static_cast<uint8_t>(value >> 8 * i));
}

void append(Bytes& bytes, ByteView more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

void append_address(Bytes& bytes, const Wide& address, bool is_ipv6) {
    if (is_ipv6) append_be(bytes, address.hi, 8);
    append_be(bytes, address.lo, is_ipv6 ? 8 : 4);
}

/// As IP, TCP and ICMPv6 have it.
uint16_t checksum(ByteView bytes) {
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes.size(); ++i) sum += uint64_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

void put_checksum(Bytes& bytes, size_t at, uint16_t sum) {
    bytes[at] = static_cast<uint8_t>(sum >> 8);
    bytes[at + 1] = static_cast<uint8_t>(sum);
}

/// One end of the connection.
struct End {
    Wide address;
    uint16_t port = 0;
    MacAddress mac{};
};

/// Frames that one end sends to the other.
class Sender {
  public:
    Sender(const SshSession& session, const SessionPath& path, bool incoming)
        : is_ipv6_(session.is_ipv6), tags_(path.tags) {
        from_ = {session.peer, session.peer_port, path.next_mac};
        to_ = {session.own, session.own_port, path.own_mac};
        if (!incoming) std::swap(from_, to_);
    }

    Bytes frame(const MacAddress& to, uint16_t type, ByteView payload) const {
        Bytes bytes;
        append(bytes, to);
        append(bytes, from_.mac);
        for (const uint16_t tag : tags_) {
            append_be(bytes, kTagType, 2);
            append_be(bytes, tag, 2);
        }
        append_be(bytes, type, 2);
        append(bytes, payload);
        bytes.resize(std::max(bytes.size(), kShortest));
        return bytes;
    }

    Bytes ip(const Wide& from, const Wide& to, uint8_t proto, uint8_t hops, ByteView inside) const {
        Bytes head;
        if (is_ipv6_) {
            append_be(head, 6u << 28, 4);
            append_be(head, inside.size(), 2);
            append_be(head, uint64_t{proto} << 8 | hops, 2);
        } else {
            append_be(head, 0x4500, 2);
            append_be(head, 20 + inside.size(), 2);
            append_be(head, 0x12344000, 4);  // an identification, not to be fragmented
            append_be(head, uint64_t{hops} << 8 | proto, 2);
            append_be(head, 0, 2);
        }
        append_address(head, from, is_ipv6_);
        append_address(head, to, is_ipv6_);
        if (!is_ipv6_) put_checksum(head, 10, checksum(head));
        append(head, inside);
        return head;
    }

    /// With the checksum that stands at `at` of what is inside.
    Bytes summed(const Wide& from, const Wide& to, uint8_t proto, Bytes inside, size_t at) const {
        Bytes all;
        append_address(all, from, is_ipv6_);
        append_address(all, to, is_ipv6_);
        append_be(all, proto, 4);
        append_be(all, inside.size(), 4);
        append(all, inside);
        put_checksum(inside, at, checksum(all));
        return inside;
    }

    /// With time stamps, which every system has in its segments.
    Bytes segment(uint8_t flags, size_t data) const {
        Bytes tcp;
        append_be(tcp, from_.port, 2);
        append_be(tcp, to_.port, 2);
        append_be(tcp, 0x10000001, 4);
        append_be(tcp, 0x20000001, 4);
        append_be(tcp, uint64_t{kTcpHead / 4} << 12 | flags, 2);
        append_be(tcp, 501, 2);
        append_be(tcp, 0, 4);
        append_be(tcp, 0x0101080a, 4);
        append_be(tcp, 0x3000000130000000, 8);
        tcp.resize(kTcpHead + data, 'x');
        tcp = summed(from_.address, to_.address, kTcp, std::move(tcp), 16);
        return frame(to_.mac, is_ipv6_ ? kIpv6Type : kIpv4Type,
                     ip(from_.address, to_.address, kTcp, 64, tcp));
    }

    /// `from` is asked about or tells of itself.
    Bytes arp(bool request, const Wide& from, const Wide& to) const {
        Bytes arp;
        append_be(arp, 0x0001080006040000 | (request ? 1 : 2), 8);
        append(arp, from_.mac);
        append_address(arp, from, false);
        append(arp, request ? MacAddress{} : to_.mac);
        append_address(arp, to, false);
        return frame(request ? kBroadcast : to_.mac, kArpType, arp);
    }

    /// `multicast`: to all who could have the address; else to see whether it is still there.
    Bytes solicitation(const Wide& from, const Wide& to, bool multicast) const {
        const uint64_t last = to.lo & 0xffffff;
        const Wide group = {0xff02000000000000, 0x00000001ff000000 | last};
        MacAddress mac = {0x33, 0x33, 0xff};
        for (size_t i = 0; i < 3; ++i) mac[3 + i] = static_cast<uint8_t>(last >> (16 - 8 * i));
        return discovery(kSolicitation, 0, to, 1, from, multicast ? group : to,
                         multicast ? mac : to_.mac);
    }
    Bytes advertisement(const Wide& from, const Wide& to) const {
        return discovery(kAdvertisement, 0x60000000, from, 2, from, to, to_.mac);
    }

  private:
    Bytes discovery(uint8_t type, uint32_t flags, const Wide& target, uint8_t option,
                    const Wide& from, const Wide& to, const MacAddress& mac) const {
        Bytes icmp = {type, 0, 0, 0};
        append_be(icmp, flags, 4);
        append_address(icmp, target, true);
        icmp.push_back(option);
        icmp.push_back(1);
        append(icmp, from_.mac);
        icmp = summed(from, to, kIcmp6, std::move(icmp), 2);
        return frame(mac, kIpv6Type, ip(from, to, kIcmp6, 255, icmp));
    }

    bool is_ipv6_;
    std::vector<uint16_t> tags_;
    End from_, to_;
};

}  // namespace

std::vector<NamedPacket> session_packets(const SshSession& session, const SessionPath& path,
                                         bool incoming) {
    constexpr uint8_t kAck = 0x10, kPush = 0x18;
    const Sender sender(session, path, incoming);
    const size_t heads = (session.is_ipv6 ? 40 : 20) + kTcpHead;
    const size_t most = std::max<size_t>(path.mtu, heads + 64) - heads;
    std::vector<NamedPacket> packets;
    packets.push_back({"a TCP segment without data", sender.segment(kAck, 0)});
    packets.push_back({"a TCP segment with a keystroke", sender.segment(kPush, 36)});
    packets.push_back({"a full TCP segment", sender.segment(kPush, std::min<size_t>(most, 1460))});
    if (!path.next_hop) return packets;
    const Wide& from = incoming ? *path.next_hop : session.own;
    const Wide& to = incoming ? session.own : *path.next_hop;
    const auto named = [&](std::string_view what, const Wide& asked) {
        return fmt::format(
            "{} {}", what,
            session.is_ipv6 ? ipv6_text(asked) : ipv4_text(static_cast<uint32_t>(asked.lo)));
    };
    if (!session.is_ipv6) {
        packets.push_back({named("an ARP request for", to), sender.arp(true, from, to)});
        packets.push_back({named("an ARP reply of", from), sender.arp(false, from, to)});
        return packets;
    }
    packets.push_back(
        {named("a neighbour solicitation for", to), sender.solicitation(from, to, true)});
    packets.push_back({named("a neighbour solicitation, sent to nobody else, for", to),
                       sender.solicitation(from, to, false)});
    packets.push_back(
        {named("a neighbour advertisement of", from), sender.advertisement(from, to)});
    return packets;
}

}  // namespace vfm
