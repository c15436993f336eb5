#include "tests/twins/variations.h"

#include <algorithm>
#include <utility>

namespace vfm::twins {
namespace {

using test::Rng;

constexpr size_t kEthernet = 14, kTypeAt = 12;
constexpr size_t kHeaders = 80;  // bytes in which filters find what they ask for

void insert(Bytes& packet, size_t at, const Bytes& bytes) {
    packet.insert(packet.begin() + static_cast<ptrdiff_t>(at), bytes.begin(), bytes.end());
}

void add_tag(Bytes& packet, Rng& rng) {
    const auto low = rng.pick<uint8_t>({0x00, 0xa8, 0x00, 0xa8, 0x01});
    const auto high = static_cast<uint8_t>(low == 0xa8 ? 0x88 : 0x81 + 0x10 * (low & 1));
    insert(packet, kTypeAt,
           {high, static_cast<uint8_t>(low & 0xfe), 0, static_cast<uint8_t>(rng.next())});
}

void add_options(Bytes& packet, Rng& rng) {
    if (ip_version(packet) != 4) return;
    const auto words = static_cast<uint8_t>(rng.below(11));
    packet[kEthernet] = static_cast<uint8_t>(0x40 | std::min(15, (packet[kEthernet] & 15) + words));
    insert(packet, kEthernet + 20, Bytes(4 * size_t{words}, 1));
}

void add_extensions(Bytes& packet, Rng& rng) {
    if (ip_version(packet) != 6) return;
    for (uint64_t count = 1 + rng.below(rng.one_in(3) ? 10 : 3); count > 0; --count) {
        uint8_t& next = packet[kEthernet + 6];
        const auto kind = rng.pick<uint8_t>({0, 43, 60, 60, 44});
        const auto units = static_cast<uint8_t>(kind != 44 && rng.one_in(4) ? 1 + rng.below(3) : 0);
        Bytes header(8 + 8 * size_t{units});
        header[0] = std::exchange(next, kind);
        header[1] = units;
        if (kind == 44) header[3] = rng.pick<uint8_t>({0, 1, 0, 1, 6, 8});
        insert(packet, kEthernet + 40, header);
    }
}

/// What another packet has in the same place.
void splice(Bytes& packet, const Bytes& other, Rng& rng) {
    const size_t at = rng.below(kHeaders);
    const size_t end = std::min(
        {packet.size(), other.size(), at + rng.pick<size_t>({1, 1, 2, 4, 6, 8, 16, kHeaders})});
    for (size_t i = at; i < end; ++i) packet[i] = other[i];
}

}  // namespace

unsigned ip_version(const Bytes& packet) {
    if (packet.size() < kEthernet + 40) return 0;
    const auto type = load_be<uint16_t>(&packet[kTypeAt]);
    return type == 0x0800 ? 4 : type == 0x86dd ? 6 : 0;
}

void exchange_ends(Bytes& packet) {
    const unsigned version = ip_version(packet);
    if (version == 0) return;
    const size_t size = version == 6 ? 16 : 4, at = kEthernet + (version == 6 ? 8 : 12);
    const auto begin = packet.begin() + static_cast<ptrdiff_t>(at);
    const auto step = static_cast<ptrdiff_t>(size);
    std::swap_ranges(begin, begin + step, begin + step);
    const auto ports = begin + 2 * step;
    if (packet.end() - ports >= 4) std::swap_ranges(ports, ports + 2, ports + 2);
    std::swap_ranges(packet.begin(), packet.begin() + 6, packet.begin() + 6);
}

void set_source(Bytes& packet, ByteView address) {
    const unsigned version = ip_version(packet);
    if (version == 0 || (version == 4) != (address.size() == 4)) return;
    std::ranges::copy(address, packet.begin() + (version == 4 ? 26 : 22));
}

void set_proto(Bytes& packet, uint8_t proto) {
    const unsigned version = ip_version(packet);
    if (version != 0) packet[version == 4 ? 23 : 20] = proto;
}

void set_port(Bytes& packet, uint16_t port) {
    const unsigned version = ip_version(packet);
    const size_t at = version == 4 ? 36 : 56;
    if (version == 0 || packet.size() < at + 2) return;
    packet[at] = static_cast<uint8_t>(port >> 8);
    packet[at + 1] = static_cast<uint8_t>(port);
}

Bytes varied(const std::vector<Probe>& pool, Rng& rng) {
    const auto any = [&]() -> const Bytes& { return pool[rng.below(pool.size())].bytes; };
    Bytes packet = any();
    for (uint64_t changes = 1 + rng.below(3); changes > 0; --changes) {
        switch (rng.below(8)) {
            case 0:
                add_options(packet, rng);
                break;
            case 1:
                add_extensions(packet, rng);
                break;
            case 2:
                exchange_ends(packet);
                break;
            case 3:
                if (!packet.empty())
                    packet[rng.below(std::min(packet.size(), kHeaders))] =
                        static_cast<uint8_t>(rng.next());
                break;
            case 4:
                packet.resize(rng.below(packet.size() + 8));
                break;
            default:
                splice(packet, any(), rng);
        }
    }
    packet.resize(std::max(packet.size(), kEthernet));
    for (uint64_t tags = rng.one_in(4) ? 1 + rng.below(3) : 0; tags > 0; --tags)
        add_tag(packet, rng);
    return packet;
}

}  // namespace vfm::twins
