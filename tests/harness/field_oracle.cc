#include "tests/harness/field_oracle.h"

#include <algorithm>

namespace vfm::test {

std::optional<uint64_t> FieldOracle::fact(unsigned number) const {
    const uint64_t value = headers_.facts[number];
    if (value == UINT64_MAX) return std::nullopt;
    return value;
}

bool FieldOracle::covers(uint64_t at, uint64_t size) const {
    return at <= packet_.size() && size <= packet_.size() - at;
}

uint64_t FieldOracle::bytes(uint64_t at, unsigned size) const {
    uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i) value = value * 256 + packet_[at + i];
    return value;
}

/// Where a transport header of this protocol begins whose first `size` bytes are there.
std::optional<uint64_t> FieldOracle::transport(uint64_t proto, unsigned size) const {
    const auto at = fact(1);
    if (!at || fact(4) != proto || !covers(*at, size)) return std::nullopt;
    return at;
}

std::optional<uint64_t> FieldOracle::arp() const {
    size_t at = 12;
    for (int tags = 0; tags < 2 && covers(at, 6); ++tags) {
        if (bytes(at, 2) != 0x8100 && bytes(at, 2) != 0x88a8) break;
        at += 4;
    }
    if (!covers(at, 30) || bytes(at, 2) != 0x0806) return std::nullopt;
    at += 2;
    if (bytes(at, 2) != 1 || bytes(at + 2, 2) != 0x0800 || packet_[at + 4] != 6 ||
        packet_[at + 5] != 4)
        return std::nullopt;
    return at;
}

/// Where the ports are that HASH5 takes.
std::optional<uint64_t> FieldOracle::ports() const {
    for (const uint64_t proto : {6, 17, 132, 136})
        if (const auto at = transport(proto, 4)) return at;
    return std::nullopt;
}

bool FieldOracle::has(std::string_view name) const {
    if (name == "eth") return packet_.size() >= 14;
    if (name == "vlan") return fact(7).has_value();
    if (name == "ipv4") return fact(3) == 4u;
    if (name == "ipv6") return fact(3) == 6u;
    if (name == "ip") return fact(3).has_value();
    if (name == "arp") return arp().has_value();
    if (name == "tcp") return transport(6, 20).has_value();
    if (name == "udp") return transport(17, 8).has_value();
    if (name == "sctp") return transport(132, 12).has_value();
    if (name == "icmp") return has("ipv4") && transport(1, 8);
    if (name == "icmp6") return has("ipv6") && transport(58, 8);
    return false;
}

/// What both versions have; the packet is of this one.
uint64_t FieldOracle::of_ip(std::string_view what, bool six) const {
    const uint64_t ip = *fact(0);
    const uint64_t tos = six ? bytes(ip, 4) / 0x100000 % 256 : bytes(ip + 1, 1);
    if (what == "version") return six ? 6 : 4;
    if (what == "proto") return *fact(4);
    if (what == "len") return six ? 40 + bytes(ip + 4, 2) : bytes(ip + 2, 2);
    if (what == "ttl") return packet_[ip + (six ? 7 : 8)];
    if (what == "frag") return *fact(5) == 0 ? 0 : 1;
    if (what == "dscp") return tos / 4;
    if (what == "ecn") return tos % 4;
    if (what == "src") return bytes(ip + 12, 4);
    if (what == "dst") return bytes(ip + 16, 4);
    if (what == "id") return bytes(ip + 4, 2);
    if (what == "hlen") return packet_[ip] % 16 * 4u;
    return bytes(ip, 4) % 0x100000;  // flow
}

std::optional<uint64_t> FieldOracle::number(std::string_view name) const {
    if (name == "pkt.len") return packet_.size();
    const std::string_view header = name.substr(0, name.find('.'));
    const std::string_view what = name.substr(header.size() + 1);
    if (header == "payload") {
        const auto at = fact(2);
        if (!at) return std::nullopt;
        const uint64_t end =
            std::min<uint64_t>(packet_.size(), *fact(0) + of_ip("len", has("ipv6")));
        return end > *at ? end - *at : 0;
    }
    if (header == "vlan") {
        const auto tag = fact(what == "inner" ? 8 : 7);
        if (!tag) return std::nullopt;
        return what == "pcp" ? *tag / 0x2000 : *tag % 0x1000;
    }
    if (header == "port") {
        const auto at = ports();
        if (!at) return std::nullopt;
        return bytes(what == "src" ? *at : *at + 2, 2);
    }
    if (!has(header)) return std::nullopt;
    if (header == "eth") return what == "type" ? *fact(6) : bytes(what == "src" ? 6 : 0, 6);
    if (header == "arp") {
        const uint64_t at = *arp();
        return what == "op" ? bytes(at + 6, 2) : bytes(what == "src" ? at + 14 : at + 24, 4);
    }
    if (header.starts_with("ip")) return of_ip(what, has("ipv6"));
    const uint64_t at = *fact(1);
    if (what == "sport") return bytes(at, 2);
    if (what == "dport") return bytes(at + 2, 2);
    if (what == "flags") return bytes(at + 13, 1);
    if (what == "seq") return bytes(at + 4, 4);
    if (what == "ack") return bytes(at + 8, 4);
    if (what == "window") return bytes(at + 14, 2);
    if (what == "len") return bytes(at + 4, 2);
    return bytes(what == "type" ? at : at + 1, 1);
}

std::optional<OracleField> FieldOracle::field(std::string_view name) const {
    const bool destination = name.ends_with(".dst");
    const bool either = name == "ip.src" || name == "ip.dst";
    if (either && has("ipv4"))
        return OracleField{.lo = bytes(*fact(0) + (destination ? 16 : 12), 4), .family = 4};
    if (either || name == "ipv6.src" || name == "ipv6.dst") {
        if (!has("ipv6")) return std::nullopt;
        const uint64_t at = *fact(0) + (destination ? 24 : 8);
        return OracleField{.lo = bytes(at + 8, 8), .hi = bytes(at, 8), .family = 6};
    }
    const auto value = number(name);
    if (!value) return std::nullopt;
    return OracleField{.lo = *value};
}

std::optional<uint64_t> FieldOracle::payload(std::string_view header) const {
    return has(header) ? fact(2) : std::nullopt;
}

std::optional<FieldOracle::Endpoints> FieldOracle::endpoints() const {
    if (!has("ip")) return std::nullopt;
    Endpoints out{{}, {}, *fact(4)};
    const auto fill = [&](uint64_t* words, std::string_view name, unsigned port) {
        const OracleField address = *field(name);
        words[0] = address.hi;
        words[1] = address.family == 4 ? address.lo + 0xffff00000000 : address.lo;
        if (const auto at = ports()) words[2] = bytes(*at + port, 2);
    };
    fill(out.source, "ip.src", 0);
    fill(out.destination, "ip.dst", 2);
    return out;
}

}  // namespace vfm::test
