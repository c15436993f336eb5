// The table of link types. Where a header holds no EtherType but a number of its own, a row here
// says what it stands for; a number without a row states none.
#include "userspace/io/link_types.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

namespace vfm {
namespace {

constexpr uint16_t kIp4Type = 0x0800, kIp6Type = 0x86dd;

LinkHeader stated(size_t size, uint16_t ethertype) {
    return {.size = static_cast<uint32_t>(size), .ethertype = ethertype, .stated = true};
}

struct Meaning {
    uint32_t number;
    uint16_t ethertype;
};

/// The EtherType that the rows give a number.
template <size_t N>
LinkHeader meaning(const Meaning (&rows)[N], uint32_t number, size_t header_size) {
    const auto row = std::ranges::find(rows, number, &Meaning::number);
    return row == std::end(rows) ? LinkHeader{} : stated(header_size, row->ethertype);
}

/// AF_INET and the AF_INET6 of Linux, BSD, FreeBSD and Darwin.
constexpr Meaning kFamilies[] = {
    {2, kIp4Type}, {10, kIp6Type}, {24, kIp6Type}, {28, kIp6Type}, {30, kIp6Type}};

constexpr Meaning kPppProtocols[] = {
    {0x0021, kIp4Type}, {0x0057, kIp6Type}, {0x0281, 0x8847}, {0x0283, 0x8848}};

/// Hardware types of Linux whose cooked headers hold no EtherType: netlink, radiotap, frame relay.
constexpr uint16_t kNoEtherTypes[] = {824, 803, 770};
/// What is below is no EtherType but a length or a number of Linux's own.
constexpr uint16_t kFirstEtherType = 0x0600;

LinkHeader cooked(ByteView packet, size_t size, size_t protocol_at, size_t hardware_at) {
    if (packet.size() < size) return {};
    const auto protocol = load_be<uint16_t>(packet.data() + protocol_at);
    const auto hardware = load_be<uint16_t>(packet.data() + hardware_at);
    if (protocol < kFirstEtherType ||
        std::ranges::find(kNoEtherTypes, hardware) != std::end(kNoEtherTypes))
        return {};
    return stated(size, protocol);
}

LinkHeader linux_sll(ByteView packet) { return cooked(packet, 16, 14, 2); }
LinkHeader linux_sll2(ByteView packet) { return cooked(packet, 20, 0, 8); }

LinkHeader raw(ByteView packet) {
    if (packet.empty()) return {};
    switch (packet[0] >> 4) {
        case 4:
            return stated(0, kIp4Type);
        case 6:
            return stated(0, kIp6Type);
        default:
            return {};
    }
}
LinkHeader raw4(ByteView) { return stated(0, kIp4Type); }
LinkHeader raw6(ByteView) { return stated(0, kIp6Type); }

/// Written in the byte order of the machine that captured, or of the network.
LinkHeader family(ByteView packet) {
    if (packet.size() < 4) return {};
    const auto number = load_le<uint32_t>(packet.data());
    const LinkHeader header = meaning(kFamilies, number, 4);
    return header.stated ? header : meaning(kFamilies, __builtin_bswap32(number), 4);
}

/// RFC 1661, in HDLC framing or without; a protocol number of one byte is odd.
LinkHeader ppp(ByteView packet) {
    size_t at = packet.size() >= 2 && packet[0] == 0xff && packet[1] == 0x03 ? 2 : 0;
    if (packet.size() > at && packet[at] % 2 == 1)
        return meaning(kPppProtocols, packet[at], at + 1);
    if (packet.size() < at + 2) return {};
    return meaning(kPppProtocols, load_be<uint16_t>(packet.data() + at), at + 2);
}

constexpr LinkType kLinkTypes[] = {
    {kLinkEthernet, "EN10MB", nullptr},
    {0, "NULL", family},
    {9, "PPP", ppp},
    {12, "RAW", raw},
    {14, "RAW", raw},
    {101, "RAW", raw},
    {108, "LOOP", family},
    {113, "LINUX_SLL", linux_sll},
    {228, "IPV4", raw4},
    {229, "IPV6", raw6},
    {276, "LINUX_SLL2", linux_sll2},
};

struct LinkName {
    uint16_t number;
    const char* name;
};

constexpr LinkName kLinkNames[] = {
#define VFM_LINK_NAME(number, name) {number, name},
#include "userspace/io/link_names.def"
#undef VFM_LINK_NAME
};

}  // namespace

const LinkType* find_link_type(uint16_t number) {
    const auto row = std::ranges::find(kLinkTypes, number, &LinkType::number);
    return row == std::end(kLinkTypes) ? nullptr : row;
}

std::string link_type_text(uint16_t number) {
    if (const LinkType* const row = find_link_type(number))
        return fmt::format("{} ({})", row->name, number);
    const auto row = std::ranges::find(kLinkNames, number, &LinkName::number);
    return row == std::end(kLinkNames) ? fmt::format("{}", number)
                                       : fmt::format("{} ({})", row->name, number);
}

}  // namespace vfm
