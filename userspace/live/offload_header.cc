#include "userspace/live/offload_header.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "core/packet/header_walk.h"
#include "core/packet/headers.h"

namespace vfm {
namespace {

constexpr uint64_t kTcp = walk::kTcp, kUdp = walk::kUdp, kSctp = walk::kSctp;
constexpr size_t kTcpHeader = 20, kUdpHeader = 8, kSctpHeader = 12;
constexpr size_t kTcpFlags = 13, kTcpCheck = 16, kUdpLength = 4, kUdpCheck = 6, kSctpCheck = 8;
constexpr uint8_t kTcpCwr = 0x80;

/// A transport header that is no part of a fragment and lies in an IP packet that is whole.
struct Transport {
    uint64_t proto;
    uint64_t version;
    size_t ip;         ///< where the IP header begins
    size_t at;         ///< where the transport header begins
    size_t ip_length;  ///< of the IP packet
    size_t length() const { return ip_length - (at - ip); }
};

uint16_t fold(uint64_t sum) {
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(sum);
}

uint16_t word_at(ByteView head, size_t at) { return load_be<uint16_t>(head.data() + at); }

std::optional<Transport> find_transport(ByteView head, size_t length) {
    const Headers headers = walk_headers(head);
    const uint64_t version = headers[HeaderFact::ip_version];
    const uint64_t at = headers[HeaderFact::transport_offset];
    if ((version != 4 && version != 6) || at > head.size() ||
        headers[HeaderFact::fragment] != walk::kNoFragment)
        return std::nullopt;
    Transport found{.proto = headers[HeaderFact::proto],
                    .version = version,
                    .ip = headers[HeaderFact::ip_offset],
                    .at = at,
                    .ip_length = 0};
    // A jumbogram's length stands elsewhere, and is 0 here.
    found.ip_length =
        version == 4 ? word_at(head, found.ip + 2) : 40u + word_at(head, found.ip + 4);
    if (found.ip + found.ip_length > length || found.ip + found.ip_length < found.at)
        return std::nullopt;
    return found;
}

/// As a sender leaves it in the field of a checksum that is to be completed.
uint16_t pseudo_sum(ByteView head, const Transport& t, size_t length) {
    const size_t begin = t.ip + (t.version == 4 ? 12 : 8), size = t.version == 4 ? 8 : 32;
    uint64_t sum = t.proto + length;
    for (size_t i = 0; i < size; i += 2) sum += word_at(head, begin + i);
    return fold(sum);
}

/// A complete checksum may be equal to the pseudo-header's sum too. That is harmless: completing it
/// gives the same value. A damaged frame whose field happens to be equal, one of 65,536, is taken
/// for partial; without the sender's word nobody can tell.
bool is_partial(ByteView head, const Transport& t) {
    if (t.proto == kTcp)
        return t.at + kTcpHeader <= head.size() && t.length() >= kTcpHeader &&
               word_at(head, t.at + kTcpCheck) == pseudo_sum(head, t, t.length());
    if (t.proto != kUdp || t.at + kUdpHeader > head.size() || t.length() < kUdpHeader) return false;
    const uint16_t length = word_at(head, t.at + kUdpLength);
    return length >= kUdpHeader && length <= t.length() &&
           word_at(head, t.at + kUdpCheck) == pseudo_sum(head, t, length);
}

void ask_for_checksum(VirtioHeader& header, size_t at, uint64_t proto) {
    header.flags = VirtioHeader::kNeedsChecksum;
    header.csum_start = static_cast<uint16_t>(at);
    header.csum_offset = static_cast<uint16_t>(proto == kTcp ? kTcpCheck : kUdpCheck);
}

void ask_for_segments(VirtioHeader& header, ByteView head, const Transport& t, unsigned mtu) {
    if (t.proto != kTcp || t.ip_length <= mtu || t.at + kTcpHeader > head.size()) return;
    const size_t tcp = size_t{head[t.at + 12]} / 16 * 4;
    const size_t headers = t.at - t.ip + tcp;
    if (tcp < kTcpHeader || headers >= mtu || headers >= t.ip_length) return;
    header.gso_type = t.version == 4 ? VirtioHeader::kTcp4 : VirtioHeader::kTcp6;
    if (head[t.at + kTcpFlags] & kTcpCwr) header.gso_type |= VirtioHeader::kEcn;
    header.hdr_len = static_cast<uint16_t>(t.at + tcp);
    header.gso_size = static_cast<uint16_t>(mtu - headers);
}

/// Where a tunnel's inner frame begins; with the EtherType of the IP packet that begins there, or 0
/// if an Ethernet frame does.
struct Inner {
    size_t at;
    uint16_t ethertype;
};

std::optional<Inner> inner_of(ByteView head, size_t at, uint16_t protocol) {
    constexpr uint16_t kEthernet = 0x6558;
    if (at > head.size()) return std::nullopt;
    if (protocol == kEthernet) return Inner{at, 0};
    if (protocol != walk::kIpv4 && protocol != walk::kIpv6) return std::nullopt;
    return Inner{at, protocol};
}

std::optional<Inner> inner_of_gre(ByteView head, size_t at) {
    if (at + 4 > head.size()) return std::nullopt;
    const uint8_t flags = head[at];
    const bool version_0 = (head[at + 1] & 7) == 0;
    if (!version_0) return std::nullopt;
    const size_t words = 1 + (flags >> 7 & 1) + (flags >> 5 & 1) + (flags >> 4 & 1);
    return inner_of(head, at + 4 * words, word_at(head, at + 2));
}

/// VXLAN on its own port and on Linux's older one, GENEVE.
std::optional<Inner> inner_of_udp(ByteView head, size_t at) {
    if (at + kUdpHeader + 8 > head.size()) return std::nullopt;
    const size_t tunnel = at + kUdpHeader;
    switch (word_at(head, at + 2)) {
        case 4789:
        case 8472:
            return Inner{tunnel + 8, 0};
        case 6081:
            return inner_of(head, tunnel + 8 + 4u * (head[tunnel] & 0x3f),
                            word_at(head, tunnel + 2));
        default:
            return std::nullopt;
    }
}

std::optional<Inner> find_inner(ByteView head, const Transport& t) {
    constexpr uint64_t kIpv4Inside = 4, kIpv6Inside = 41, kGre = 47;
    switch (t.proto) {
        case kIpv4Inside:
            return Inner{t.at, walk::kIpv4};
        case kIpv6Inside:
            return Inner{t.at, walk::kIpv6};
        case kGre:
            return inner_of_gre(head, t.at);
        case kUdp:
            return inner_of_udp(head, t.at);
        default:
            return std::nullopt;
    }
}

/// For what a tunnel carries: the walk begins at an Ethernet header, so an IP packet gets one.
void ask_for_inner_checksum(VirtioHeader& header, ByteView head, size_t length,
                            const Inner& inner) {
    constexpr size_t kEthernetHeader = 14;
    std::array<uint8_t, 256> copy{};
    ByteView frame = head.subspan(inner.at);
    size_t begin = inner.at, frame_length = length - inner.at;
    if (inner.ethertype != 0) {
        const size_t size = std::min(frame.size(), copy.size() - kEthernetHeader);
        copy[12] = static_cast<uint8_t>(inner.ethertype >> 8);
        copy[13] = static_cast<uint8_t>(inner.ethertype);
        std::copy_n(frame.begin(), size, copy.begin() + kEthernetHeader);
        frame = ByteView(copy).first(kEthernetHeader + size);
        begin -= kEthernetHeader;
        frame_length += kEthernetHeader;
    }
    const auto t = find_transport(frame, frame_length);
    if (t && is_partial(frame, *t)) ask_for_checksum(header, begin + t->at, t->proto);
}

/// One byte of CRC-32C, bits reflected.
constexpr std::array<uint32_t, 256> kCrcTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        table[i] = i;
        for (int bit = 0; bit < 8; ++bit)
            table[i] = (table[i] >> 1) ^ ((table[i] & 1) != 0 ? 0x82f63b78u : 0u);
    }
    return table;
}();

/// Of bytes [from, to) of the chunks together.
uint32_t crc32c(std::span<const iovec> chunks, size_t from, size_t to) {
    uint32_t crc = ~uint32_t{0};
    for (const iovec& chunk : chunks) {
        const auto* bytes = static_cast<const uint8_t*>(chunk.iov_base);
        for (size_t i = std::min(from, chunk.iov_len); i < std::min(to, chunk.iov_len); ++i)
            crc = (crc >> 8) ^ kCrcTable[(crc ^ bytes[i]) & 0xff];
        from -= std::min(from, chunk.iov_len);
        to -= std::min(to, chunk.iov_len);
    }
    return ~crc;
}

}  // namespace

Offload find_offload(ByteView head, size_t length, unsigned mtu) {
    Offload offload;
    const auto t = find_transport(head, length);
    if (!t) return offload;
    if (is_partial(head, *t)) {
        ask_for_checksum(offload.header, t->at, t->proto);
    } else if (t->proto == kSctp) {
        const size_t field = t->at + kSctpCheck;
        if (t->at + kSctpHeader <= head.size() && t->length() >= kSctpHeader &&
            load_be<uint32_t>(head.data() + field) == 0) {
            offload.sctp_begin = t->at;
            offload.sctp_end = t->ip + t->ip_length;
        }
    } else if (const auto inner = find_inner(head, *t); inner && inner->at <= head.size()) {
        ask_for_inner_checksum(offload.header, head, length, *inner);
    }
    ask_for_segments(offload.header, head, *t, mtu);
    return offload;
}

void complete_sctp(std::span<const iovec> chunks, const Offload& offload) {
    if (offload.sctp_begin == offload.sctp_end) return;
    const uint32_t crc = crc32c(chunks, offload.sctp_begin, offload.sctp_end);
    auto* first = static_cast<uint8_t*>(chunks[0].iov_base);
    std::memcpy(first + offload.sctp_begin + kSctpCheck, &crc, sizeof crc);
}

}  // namespace vfm
