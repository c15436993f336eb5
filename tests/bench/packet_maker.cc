#include "tests/bench/packet_maker.h"

#include <algorithm>
#include <cstring>

#include "tests/bench/lists.h"

namespace vfm::bench {
namespace {

constexpr size_t kSmallestFrame = 60;
constexpr size_t kSmallestIpv6 = 14 + 40 + 8 + 20;
constexpr size_t kLargestFrame = 1514;
constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17;
constexpr uint8_t kFin = 1, kSyn = 2, kPush = 8, kAck = 16;
constexpr uint16_t kIpv4 = 0x0800, kIpv6 = 0x86DD, kArp = 0x0806, kVlan = 0x8100;
constexpr uint32_t kVictim = 0xCB007105;  // 203.0.113.5
constexpr unsigned kMoreFragments = 0x2000;

constexpr uint16_t kOtherTcpPorts[] = {110, 143, 445, 3306, 3389, 5432, 6379, 8443};

}  // namespace

PacketMaker::PacketMaker(uint64_t seed) : rng_(seed), zipf_(kClients) {
    double sum = 0;
    for (uint32_t rank = 0; rank < kClients; ++rank) zipf_[rank] = sum += 1.0 / (rank + 1);
    for (double& share : zipf_) share /= sum;
}

uint32_t PacketMaker::client() {
    const double at = static_cast<double>(rng_.next() >> 11) * 0x1p-53;
    const auto rank = std::ranges::lower_bound(zipf_, at) - zipf_.begin();
    return client_address(std::min(static_cast<uint32_t>(rank), kClients - 1));
}

uint32_t PacketMaker::server() {
    return 0xC6336400 + static_cast<uint32_t>(rng_.below(200));  // 198.51.100.0/24
}

size_t PacketMaker::frame_size() {
    const uint64_t kind = rng_.below(100);
    if (kind < 56) return kSmallestFrame + rng_.below(21);
    if (kind < 82) return 100 + rng_.below(500);
    return 1000 + rng_.below(kLargestFrame - 1000 + 1);
}

PacketMaker::Talk PacketMaker::talk() {
    Talk made;
    made.to_server = percent(50);
    const uint64_t kind = rng_.below(100);
    const auto ephemeral = static_cast<uint16_t>(32768 + rng_.below(28232));
    const uint64_t service = rng_.below(100);
    uint16_t port = 0;
    if (kind < 70) {
        made.proto = kTcp;
        if (service < 50)
            port = 443;
        else if (service < 70)
            port = 80;
        else if (service < 78)
            port = 22;
        else if (service < 82)
            port = 25;
        else if (service < 86)
            port = 993;
        else if (service < 92)
            port = 8080;
        else
            port = rng_.pick(std::span<const uint16_t>(kOtherTcpPorts));
        const uint64_t flags = rng_.below(100);
        if (flags < 11)
            made.flags = made.to_server ? kSyn : kSyn | kAck;
        else if (flags < 65)
            made.flags = kAck;
        else if (flags < 93)
            made.flags = kPush | kAck;
        else
            made.flags = kFin | kAck;
    } else if (kind < 95) {
        made.proto = kUdp;
        if (service < 50)
            port = 53;
        else if (service < 75)
            port = 443;
        else if (service < 85)
            port = 123;
        else
            port = static_cast<uint16_t>(1024 + rng_.below(30000));
    } else {
        made.proto = kIcmp;
    }
    made.src_port = made.to_server ? ephemeral : port;
    made.dst_port = made.to_server ? port : ephemeral;
    return made;
}

void PacketMaker::start(uint16_t ethertype, bool tagged) {
    std::memset(bytes_, 0, sizeof bytes_);
    size_ = 0;
    put16(0x0200), put32(static_cast<uint32_t>(rng_.below(4)));
    put16(0x0200), put32(0x100 + static_cast<uint32_t>(rng_.below(64)));
    if (tagged) put16(kVlan), put16(static_cast<unsigned>(100 + rng_.below(20)));
    put16(ethertype);
}

void PacketMaker::transport(const Talk& talk) {
    switch (talk.proto) {
        case kTcp:
            put16(talk.src_port), put16(talk.dst_port);
            put32(static_cast<uint32_t>(rng_.next())), put32(static_cast<uint32_t>(rng_.next()));
            put8(0x50), put8(talk.flags), put16(64240), put32(0);
            break;
        case kUdp:
            put16(talk.src_port), put16(talk.dst_port);
            put16(0), put16(0);
            break;
        default:
            put8(talk.to_server ? 8 : 0), put8(0), put16(0);
            put32(static_cast<uint32_t>(rng_.next()));
    }
}

void PacketMaker::ipv4(const Talk& talk, uint32_t src, uint32_t dst, size_t frame) {
    const bool options = percent(3);
    unsigned fragment = 0x4000;  // do not fragment
    if (percent(3))
        fragment = percent(50) ? kMoreFragments : static_cast<unsigned>(1 + rng_.below(1500));
    put8(options ? 0x46 : 0x45), put8(0);
    put16(static_cast<unsigned>(frame - size_ + 2));
    put16(static_cast<unsigned>(rng_.below(65536))), put16(fragment);
    put8(64), put8(talk.proto), put16(0);
    put32(src), put32(dst);
    if (options) put32(0x94040000);  // router alert
    if ((fragment & 0x1FFF) == 0) {
        transport(talk);
    } else {
        for (int word = 0; word < 6; ++word) put32(static_cast<uint32_t>(rng_.next()));
    }
}

void PacketMaker::ipv6(const Talk& talk, size_t frame) {
    const bool hop_by_hop = percent(4);
    put32(0x60000000), put16(static_cast<unsigned>(frame - size_ - 36));
    put8(hop_by_hop ? 0 : talk.proto), put8(64);
    const uint32_t here[4] = {0x20010DB8, 1, 0, client()};
    const uint32_t there[4] = {0x20010DB8, 2, 0, server()};
    for (const uint32_t word : talk.to_server ? here : there) put32(word);
    for (const uint32_t word : talk.to_server ? there : here) put32(word);
    if (hop_by_hop) put8(talk.proto), put8(0), put16(0x0502), put32(0x00000100);
    transport(talk);
}

void PacketMaker::arp() {
    start(kArp, false);
    put16(1), put16(kIpv4), put8(6), put8(4), put16(percent(50) ? 1 : 2);
    put16(0x0200), put32(7), put32(client());
    put16(0), put32(0), put32(server());
}

std::span<const uint8_t> PacketMaker::finished(size_t frame) {
    return {bytes_, std::clamp(frame, std::max(size_, kSmallestFrame), kLargestFrame)};
}

std::span<const uint8_t> PacketMaker::mixed() {
    const uint64_t kind = rng_.below(100);
    if (kind < 2) {
        arp();
        return finished(kSmallestFrame);
    }
    const Talk made = talk();
    const size_t frame = frame_size();
    if (kind < 21) {
        start(kIpv6, false);
        ipv6(made, std::max(frame, kSmallestIpv6));
        return finished(frame);
    }
    const uint32_t inside = client(), outside = server();
    start(kIpv4, kind < 27);
    ipv4(made, made.to_server ? inside : outside, made.to_server ? outside : inside, frame);
    return finished(frame);
}

void PacketMaker::amplified() {
    const auto resolver = static_cast<uint32_t>(0x08000000 + rng_.below(2000) * 4099);
    const bool later = percent(15);
    const size_t frame = later ? 200 + rng_.below(1000) : 600 + rng_.below(kLargestFrame - 600);
    start(kIpv4, false);
    put8(0x45), put8(0), put16(static_cast<unsigned>(frame - 14));
    put16(static_cast<unsigned>(rng_.below(65536)));
    put16(later ? 185 : kMoreFragments * static_cast<unsigned>(rng_.below(2)));
    put8(57), put8(kUdp), put16(0), put32(resolver), put32(kVictim);
    if (later) {
        for (int word = 0; word < 6; ++word) put32(static_cast<uint32_t>(rng_.next()));
    } else {
        transport({.proto = kUdp,
                   .src_port = 53,
                   .dst_port = static_cast<uint16_t>(1024 + rng_.below(60000))});
    }
    size_ = std::max(size_, frame);
}

std::span<const uint8_t> PacketMaker::attack() {
    const uint64_t kind = rng_.below(100);
    if (kind < 5) return mixed();
    if (kind < 20) {
        amplified();
        return finished(size_);
    }
    start(kIpv4, false);
    put8(0x45), put8(0), put16(44), put16(static_cast<unsigned>(rng_.below(65536))), put16(0);
    put8(static_cast<unsigned>(40 + rng_.below(24))), put8(kTcp), put16(0);
    put32(static_cast<uint32_t>(rng_.next())), put32(kVictim);
    transport({.proto = kTcp,
               .src_port = static_cast<uint16_t>(1024 + rng_.below(64000)),
               .dst_port = static_cast<uint16_t>(percent(60) ? 443 : 80),
               .flags = kSyn});
    return finished(kSmallestFrame);
}

}  // namespace vfm::bench
