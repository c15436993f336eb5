#include "tests/harness/random_packet.h"

namespace vfm::test {
namespace {

void put(Bytes& out, uint64_t value, unsigned size) {
    while (size-- > 0) out.push_back(static_cast<uint8_t>(value >> (8 * size)));
}

void noise(Bytes& out, uint64_t count, Rng& rng) {
    while (count-- > 0) out.push_back(static_cast<uint8_t>(rng.next()));
}

uint64_t port(Rng& rng) {
    return rng.pick<uint64_t>({22, 53, 80, 443, 1024, 40000, 65535, rng.below(65536)});
}

void transport(Bytes& out, uint64_t proto, Rng& rng) {
    put(out, port(rng), 2);
    put(out, port(rng), 2);
    if (proto == 6) {
        put(out, rng.next(), 8);
        put(out, rng.one_in(4) ? rng.next() : 0x50, 1);
        put(out, rng.pick<uint64_t>({2, 0x12, 0x10, 0x18, 4, rng.below(256)}), 1);
        noise(out, 6, rng);
    } else {
        noise(out, proto == 132 ? 8 : 4, rng);
    }
}

/// `icmp` is the one that belongs to the version of IP; the other one comes by chance.
uint64_t protocol(uint64_t icmp, Rng& rng) {
    return rng.pick<uint64_t>(
        {6, 6, 6, 17, 17, icmp, icmp, 132, 132, 136, 1, 58, 0, 43, 44, 60, rng.below(256)});
}

void ipv4(Bytes& out, Rng& rng) {
    const uint64_t words = rng.one_in(4) ? rng.below(16) : 5;
    const uint64_t proto = protocol(1, rng);
    put(out, rng.one_in(20) ? rng.below(256) : 0x40 | words, 1);
    put(out, 0, 1);
    put(out, rng.pick<uint64_t>({20, 28, 40, 60, 576, 1400, 1401, 1500, rng.below(65536)}), 2);
    put(out, rng.next(), 2);
    put(out, rng.one_in(5) ? rng.pick<uint64_t>({0x2000, 1, 0x2001, 0x4000, rng.next()}) : 0, 2);
    put(out, 64, 1);
    put(out, proto, 1);
    put(out, rng.next(), 2);
    put(out, 0x0a000000 + rng.below(4), 4);
    put(out, rng.one_in(3) ? rng.next() : 0x0a000001, 4);
    if (words > 5) noise(out, 4 * (words - 5), rng);
    transport(out, proto, rng);
}

void extension(Bytes& out, uint64_t kind, uint64_t next, Rng& rng) {
    put(out, next, 1);
    if (kind == 44) {
        put(out, 0, 1);
        put(out, rng.pick<uint64_t>({0, 1, 0, 1, 6, 8, rng.next()}), 2);
        noise(out, 4, rng);
        return;
    }
    const uint64_t units = rng.one_in(8) ? rng.below(256) : rng.below(3);
    put(out, units, 1);
    noise(out, 6 + 8 * (units < 4 ? units : 0), rng);
}

void ipv6(Bytes& out, Rng& rng) {
    uint64_t kinds[12];
    const uint64_t count = rng.one_in(2) ? rng.below(11) : 0;
    for (uint64_t i = 0; i < count; ++i) kinds[i] = rng.pick<uint64_t>({0, 43, 60, 44, 60});
    kinds[count] = protocol(58, rng);
    put(out, rng.one_in(20) ? rng.next() : 0x60000000, 4);
    put(out, rng.below(100), 2);
    put(out, kinds[0], 1);
    put(out, 64, 1);
    for (int i = 0; i < 4; ++i) put(out, rng.one_in(3) ? rng.next() : rng.below(3), 8);
    for (uint64_t i = 0; i < count; ++i) extension(out, kinds[i], kinds[i + 1], rng);
    transport(out, kinds[count], rng);
}

void arp(Bytes& out, Rng& rng) {
    put(out, rng.one_in(8) ? rng.next() : 1, 2);
    put(out, rng.one_in(8) ? rng.next() : 0x0800, 2);
    put(out, rng.one_in(8) ? rng.next() : 0x0604, 2);
    put(out, 1 + rng.below(2), 2);
    put(out, 0x020000000001, 6);
    put(out, 0x0a000000 + rng.below(4), 4);
    noise(out, 6, rng);
    put(out, 0x0a000000 + rng.below(4), 4);
}

}  // namespace

Bytes random_packet(Rng& rng) {
    Bytes out;
    if (rng.one_in(20)) {
        noise(out, rng.below(80), rng);
        return out;
    }
    put(out, 0x020000000002 + rng.below(2), 6);
    put(out, 0x020000000001, 6);
    for (uint64_t tags = rng.one_in(4) ? rng.below(4) : 0; tags > 0; --tags) {
        put(out, rng.pick<uint64_t>({0x8100, 0x88a8, 0x8100, 0x9100}), 2);
        put(out, rng.next(), 2);
    }
    const uint64_t type =
        rng.pick<uint64_t>({0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, rng.below(65536)});
    put(out, type, 2);
    if (type == 0x0800 || rng.one_in(10))
        ipv4(out, rng);
    else if (type == 0x86dd)
        ipv6(out, rng);
    else if (type == 0x0806)
        arp(out, rng);
    noise(out, rng.one_in(30) ? rng.below(1500) : rng.below(30), rng);
    if (rng.one_in(4)) out[rng.below(out.size())] = static_cast<uint8_t>(rng.next());
    if (rng.one_in(3)) out.resize(rng.below(out.size() + 1));
    return out;
}

}  // namespace vfm::test
