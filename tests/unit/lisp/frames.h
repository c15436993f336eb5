// Frames for tests, made of parts.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "core/base/bytes.h"

namespace vfm::test {

/// Bytes from hexadecimal digits; blanks are left out.
inline Bytes hex(std::string_view text) {
    Bytes out;
    int high = -1;
    for (const char c : text) {
        if (c == ' ' || c == '\n') continue;
        const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
        if (high >= 0) out.push_back(static_cast<uint8_t>(high * 16 + digit));
        high = high >= 0 ? -1 : digit;
    }
    return out;
}

inline Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

inline Bytes cut(Bytes bytes, size_t size) {
    bytes.resize(size);
    return bytes;
}
inline Bytes behind(const Bytes& bytes, size_t size) {
    return Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(size), bytes.end());
}

/// From 02:..:01 to 02:..:02.
inline Bytes eth(std::string_view type_and_tags) {
    return hex("020000000002 020000000001") + hex(type_and_tags);
}
/// 10.0.0.1 to 10.0.0.2, TTL 64, TOS 0xb9, id 0x1234; the rest of a packet of 1,000 bytes is cut
/// off.
inline Bytes ip4(uint8_t proto, std::string_view flags = "0000", std::string_view options = "") {
    Bytes out = hex("45b9 03e8 1234") + hex(flags) + hex("4000 0000 0a000001 0a000002");
    out[9] = proto;
    const Bytes more = hex(options);
    out[0] = static_cast<uint8_t>(0x45 + more.size() / 4);
    return out + more;
}
/// 2001:db8::1 to 2001:db8::2, hop limit 9, traffic class 0xb9, flow 0x12345.
inline Bytes ip6(uint8_t next) {
    Bytes out =
        hex("6b912345 0020 0009 20010db8000000000000000000000001"
            "20010db8000000000000000000000002");
    out[6] = next;
    return out;
}
/// 4660 to 443, sequence 7, acknowledged 8, flags 0x12, window 512; four bytes of payload.
inline Bytes tcp() { return hex("1234 01bb 00000007 00000008 5012 0200 0000 0000 cafebabe"); }
/// 53 to 40000, length 12, four bytes of payload.
inline Bytes udp() { return hex("0035 9c40 000c 0000 deadbeef"); }

inline Bytes tcp4() { return eth("0800") + ip4(6) + tcp(); }
inline Bytes tcp6() { return eth("86dd") + ip6(6) + tcp(); }
inline Bytes udp4() { return eth("0800") + ip4(17) + udp(); }
inline Bytes arp() {
    return eth("0806") + hex("0001 0800 06 04 0002 020000000001 0a000001 020000000002 0a000002");
}

}  // namespace vfm::test
