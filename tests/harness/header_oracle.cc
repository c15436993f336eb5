#include "tests/harness/header_oracle.h"

namespace vfm::test {
namespace {

using Packet = std::span<const uint8_t>;
constexpr uint64_t kNothing = 0xFFFFFFFFFFFFFFFF;

uint64_t number(Packet packet, size_t at, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value * 256 + packet[at + i];
    return value;
}

struct Found {
    uint64_t ethertype = kNothing, vlan = kNothing, inner = kNothing;
    uint64_t ip = kNothing, version = kNothing, proto = kNothing, fragment = kNothing;
    uint64_t transport = kNothing, payload = kNothing;
};

/// Rule 1. Gives where the EtherType stands.
size_t ethernet(Packet packet, Found& found) {
    size_t at = 12;
    for (int tags = 0; tags < 2 && at + 6 <= packet.size(); ++tags) {
        const uint64_t type = number(packet, at, 2);
        if (type != 0x8100 && type != 0x88a8) break;
        (tags == 0 ? found.vlan : found.inner) = number(packet, at + 2, 2);
        at += 4;
    }
    if (at + 2 <= packet.size()) found.ethertype = number(packet, at, 2);
    return at;
}

/// Rules 2 to 4 for IPv4.
void version4(Packet packet, size_t ip, Found& found) {
    if (ip + 20 > packet.size() || packet[ip] / 16 != 4 || packet[ip] % 16 < 5) return;
    found.ip = ip;
    found.version = 4;
    found.proto = packet[ip + 9];
    const uint64_t flags = number(packet, ip + 6, 2);
    found.fragment = flags % 0x2000 != 0 ? 2 : (flags / 0x2000) % 2;
    if (found.fragment != 2) found.transport = ip + 4 * (packet[ip] % 16);
}

/// Rules 2 to 4 for IPv6.
void version6(Packet packet, size_t ip, Found& found) {
    if (ip + 40 > packet.size() || packet[ip] / 16 != 6) return;
    found.ip = ip;
    found.version = 6;
    found.fragment = 0;
    uint64_t proto = packet[ip + 6];
    size_t at = ip + 40;
    for (int headers = 0; headers < 8 && at + 8 <= packet.size(); ++headers) {
        if (proto != 0 && proto != 43 && proto != 44 && proto != 60) break;
        const bool is_fragment = proto == 44;
        proto = packet[at];
        if (is_fragment) {
            const uint64_t field = number(packet, at + 2, 2);
            if (field / 8 != 0) {
                found.fragment = 2;
                break;
            }
            if (field % 2 == 1) found.fragment = 1;
            at += 8;
        } else {
            at += 8 * (packet[at + 1] + size_t{1});
        }
    }
    found.proto = proto;
    if (found.fragment != 2) found.transport = at;
}

/// HDR 2.
void payload(Packet packet, Found& found) {
    if (found.transport == kNothing) return;
    const auto has = [&](size_t bytes) { return found.transport + bytes <= packet.size(); };
    size_t size = 0;
    if (found.proto == 6 && has(20)) {
        const size_t words = packet[found.transport + 12] / 16;
        if (words >= 5) size = words * 4;
    }
    if ((found.proto == 17 || found.proto == 136) && has(8)) size = 8;
    if (found.proto == 132 && has(12)) size = 12;
    if (found.proto == (found.version == 4 ? 1u : 58u) && has(8)) size = 8;
    if (size != 0) found.payload = found.transport + size;
}

uint64_t hash(Packet packet, const Found& found) {
    uint64_t words[6] = {};
    if (found.version == 4) {
        words[1] = number(packet, found.ip + 12, 4);
        words[3] = number(packet, found.ip + 16, 4);
    } else if (found.version == 6) {
        for (size_t i = 0; i < 4; ++i) words[i] = number(packet, found.ip + 8 + 8 * i, 8);
    }
    if (found.version != kNothing) {
        words[5] = found.proto;
        const bool ports =
            found.proto == 6 || found.proto == 17 || found.proto == 132 || found.proto == 136;
        if (ports && found.transport != kNothing && found.transport + 4 <= packet.size())
            words[4] =
                number(packet, found.transport, 2) << 16 | number(packet, found.transport + 2, 2);
    }
    uint64_t h = 0x9E3779B97F4A7C15;
    for (const uint64_t word : words) {
        h ^= word;
        h *= 0xFF51AFD7ED558CCD;
        h ^= h >> 32;
    }
    return h;
}

}  // namespace

OracleHeaders header_oracle(Packet packet) {
    Found found;
    const size_t type_at = ethernet(packet, found);
    if (found.ethertype == 0x0800) version4(packet, type_at + 2, found);
    if (found.ethertype == 0x86DD) version6(packet, type_at + 2, found);
    payload(packet, found);
    return {{found.ip, found.transport, found.payload, found.version, found.proto, found.fragment,
             found.ethertype, found.vlan, found.inner},
            hash(packet, found)};
}

}  // namespace vfm::test
