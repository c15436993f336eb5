// Packets of the traces: an internet mix and a SYN flood with DNS amplification. The same seed
// makes the same packets on every machine. Checksums are zero, which no filter looks at.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tests/harness/rng.h"

namespace vfm::bench {

class PacketMaker {
  public:
    explicit PacketMaker(uint64_t seed);

    /// 73 % IPv4, 19 % IPv6, 6 % with a VLAN tag, 2 % ARP; TCP 70, UDP 25, ICMP 5 of 100; clients
    /// drawn by Zipf's law; both directions; some IP options, fragments and hop-by-hop headers.
    /// The bytes hold until the next call.
    std::span<const uint8_t> mixed();
    /// 80 % SYNs of 60 bytes from random sources to one victim, 15 % DNS amplification (large
    /// answers, first and later fragments), 5 % of mixed().
    std::span<const uint8_t> attack();

  private:
    /// What a packet carries above IP.
    struct Talk {
        uint8_t proto = 0;
        uint16_t src_port = 0;
        uint16_t dst_port = 0;
        uint8_t flags = 0;
        bool to_server = true;
    };

    Talk talk();
    uint32_t client();
    uint32_t server();
    size_t frame_size();
    void start(uint16_t ethertype, bool tagged);
    void ipv4(const Talk& talk, uint32_t src, uint32_t dst, size_t frame);
    void ipv6(const Talk& talk, size_t frame);
    void arp();
    void transport(const Talk& talk);
    void amplified();
    std::span<const uint8_t> finished(size_t frame);

    void put8(unsigned value) { bytes_[size_++] = static_cast<uint8_t>(value); }
    void put16(unsigned value) { put8(value >> 8 & 0xFF), put8(value & 0xFF); }
    void put32(uint32_t value) { put16(value >> 16), put16(value & 0xFFFF); }
    bool percent(uint64_t of_hundred) { return rng_.below(100) < of_hundred; }

    test::Rng rng_;
    std::vector<double> zipf_;  // by client rank: the share of it and all busier ones
    uint8_t bytes_[1600] = {};
    size_t size_ = 0;
};

}  // namespace vfm::bench
