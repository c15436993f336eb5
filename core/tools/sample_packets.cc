#include "core/tools/sample_packets.h"

#include <cstdint>

namespace vfm {
namespace {

constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17;
constexpr uint16_t kIpv4 = 0x0800, kArp = 0x0806, kVlan = 0x8100, kIpv6 = 0x86DD;
constexpr uint8_t kSyn = 0x02, kPush = 0x08, kAck = 0x10;
constexpr size_t kTcpHeader = 20, kUdpHeader = 8, kIcmpHeader = 8;
constexpr size_t kLeastFrame = 60;  // without the checksum at its end

/// Appends big-endian fields and byte strings.
class Frame {
  public:
    explicit Frame(uint16_t ethertype) {
        put({2, 0, 0, 0, 0, 2}).put({2, 0, 0, 0, 0, 1}).put16(ethertype);
    }
    Frame& put(std::initializer_list<int> bytes) {
        for (const int byte : bytes) bytes_.push_back(static_cast<uint8_t>(byte));
        return *this;
    }
    Frame& put16(size_t number) {
        return put({static_cast<int>(number >> 8 & 255), static_cast<int>(number & 255)});
    }
    Frame& zeros(size_t count) {
        bytes_.resize(bytes_.size() + count);
        return *this;
    }
    /// 10.0.0.`host` to 192.0.2.1.
    Frame& ipv4(uint8_t protocol, uint8_t host, size_t payload) {
        put({0x45, 0}).put16(20 + payload).put16(1).put16(0).put({64, protocol}).put16(0);
        return put({10, 0, 0, host}).put({192, 0, 2, 1});
    }
    /// 2001:db8::1 to 2001:db8::2.
    Frame& ipv6(uint8_t next_header, size_t payload) {
        put({0x60, 0, 0, 0}).put16(payload).put({next_header, 64});
        for (const int last : {1, 2}) put({0x20, 1, 0x0d, 0xb8}).zeros(11).put({last});
        return *this;
    }
    Frame& tcp(uint16_t to, uint8_t flags) {
        put16(40000).put16(to).put({0, 0, 0, 1}).zeros(4);
        return put({5 << 4, flags}).put16(64240).zeros(4);
    }
    Frame& udp(uint16_t from, uint16_t to, size_t payload) {
        return put16(from).put16(to).put16(kUdpHeader + payload).put16(0).zeros(payload);
    }
    /// Padded to the least that an Ethernet card sends.
    Bytes done() {
        if (bytes_.size() < kLeastFrame) bytes_.resize(kLeastFrame);
        return std::move(bytes_);
    }

  private:
    Bytes bytes_;
};

Bytes tcp4(uint8_t host, uint16_t to, uint8_t flags, size_t payload) {
    return Frame(kIpv4).ipv4(kTcp, host, kTcpHeader + payload).tcp(to, flags).zeros(payload).done();
}

Bytes udp4(uint16_t from, uint16_t to, size_t payload) {
    return Frame(kIpv4).ipv4(kUdp, 3, kUdpHeader + payload).udp(from, to, payload).done();
}

Bytes icmp_echo() {
    return Frame(kIpv4).ipv4(kIcmp, 4, kIcmpHeader + 56).put({8, 0}).zeros(62).done();
}

Bytes arp_request() {
    Frame frame(kArp);
    frame.put16(1).put16(kIpv4).put({6, 4}).put16(1);
    return frame.put({2, 0, 0, 0, 0, 1, 10, 0, 0, 1}).zeros(6).put({10, 0, 0, 254}).done();
}

Bytes vlan_tcp() {
    return Frame(kVlan).put16(100).put16(kIpv4).ipv4(kTcp, 1, kTcpHeader).tcp(80, kSyn).done();
}

Bytes tcp6() { return Frame(kIpv6).ipv6(kTcp, kTcpHeader).tcp(443, kSyn).done(); }

Bytes cut_off() {
    Bytes bytes = tcp4(1, 80, kSyn, 0);
    bytes.resize(30);
    return bytes;
}

}  // namespace

std::vector<SamplePacket> sample_packets() {
    return {
        {"tcp-http", "TCP SYN to port 80", tcp4(1, 80, kSyn, 0)},
        {"tcp-https", "TCP data to port 443", tcp4(1, 443, kPush | kAck, 100)},
        {"tcp-ssh", "TCP SYN to port 22", tcp4(2, 22, kSyn, 0)},
        {"udp-dns", "UDP to port 53", udp4(50000, 53, 30)},
        {"udp-large", "UDP of 1,480 bytes from port 53", udp4(53, 50000, 1452)},
        {"icmp-echo", "ICMP echo request", icmp_echo()},
        {"arp", "ARP request", arp_request()},
        {"vlan-tcp", "TCP SYN to port 80 behind a VLAN tag", vlan_tcp()},
        {"ipv6-tcp", "TCP SYN to port 443 over IPv6", tcp6()},
        {"cut-off", "30 bytes, cut off in the IPv4 header", cut_off()},
    };
}

}  // namespace vfm
