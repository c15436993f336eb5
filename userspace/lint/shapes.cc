#include "userspace/lint/shapes.h"

#include <algorithm>

#include "core/isa/insn.h"
#include "core/packet/header_walk.h"
#include "core/packet/headers.h"

namespace vfm::lint {
namespace {

using lisp::FieldSource;

constexpr uint16_t kTagTci = 1;

FrameSpec with_tags(FrameSpec spec, size_t count) {
    while (count-- > 0) spec.tags.insert(spec.tags.begin(), kTagTci);
    if (spec.length) *spec.length += 4;
    return spec;
}

bool asks_for_ipv4(const FrameSpec& spec) {
    return std::ranges::any_of(spec.fields, [](const auto& entry) {
        const lisp::HeaderField& field = lisp::all_header_fields()[entry.first];
        return field.header == lisp::Header::ipv4 || field.source == FieldSource::address;
    });
}

bool has_ports(const Headers& headers) {
    const uint64_t proto = headers[HeaderFact::proto];
    return proto == walk::kTcp || proto == walk::kUdp || proto == walk::kSctp ||
           proto == walk::kUdpLite;
}

}  // namespace

std::vector<FrameSpec> every_shape() {
    std::vector<FrameSpec> out;
    for (const uint16_t type : {uint16_t{walk::kIpv4}, uint16_t{walk::kIpv6}}) {
        const uint8_t icmp = type == walk::kIpv4 ? walk::kIcmp : walk::kIcmp6;
        for (const uint8_t proto : {uint8_t{walk::kTcp}, uint8_t{walk::kUdp}, icmp,
                                    uint8_t{walk::kSctp}, uint8_t{walk::kUdpLite}, uint8_t{47}}) {
            FrameSpec spec{.ether_type = type, .proto = proto};
            for (size_t tags = 0; tags <= 3; ++tags) out.push_back(with_tags(spec, tags));
            for (const FragmentPart part : {FragmentPart::first, FragmentPart::later}) {
                FrameSpec fragment = spec;
                fragment.fragment = part;
                fragment.payload.resize(64);
                out.push_back(fragment);
            }
            spec.payload.resize(64);
            out.push_back(spec);
            for (const unsigned more : {1u, 10u}) {
                FrameSpec longer = spec;
                (type == walk::kIpv4 ? longer.option_words : longer.extensions) = more;
                out.push_back(longer);
            }
        }
    }
    for (const uint16_t type : std::initializer_list<uint16_t>{0x0806, 0x88b5, 0x8864, 0x8847})
        for (size_t tags = 0; tags <= 1; ++tags)
            out.push_back(with_tags({.ether_type = type, .payload = Bytes(64)}, tags));
    for (const uint8_t proto : {uint8_t{walk::kTcp}, uint8_t{walk::kUdp}})
        for (const size_t length : {0,  6,  12, 13, 14, 15, 17, 20, 24, 27, 30,
                                    33, 34, 35, 37, 38, 41, 42, 46, 47, 48, 53}) {
            FrameSpec spec{.proto = proto};
            spec.length = length;
            out.push_back(spec);
        }
    return out;
}

std::vector<Disguise> disguises(const FrameSpec& spec) {
    std::vector<Disguise> out;
    if (spec.tags.size() < 2) out.push_back({"behind a VLAN tag", with_tags(spec, 1)});
    if (spec.tags.empty()) out.push_back({"behind two VLAN tags", with_tags(spec, 2)});
    if (spec.version() == 4 && spec.option_words == 0 && !spec.length) {
        out.push_back({"with IPv4 options", spec});
        out.back().frame.option_words = 1;
    }
    if (spec.version() == 6 && spec.extensions == 0 && !spec.length) {
        out.push_back({"with an extension header", spec});
        out.back().frame.extensions = 1;
    }
    if (spec.version() == 4 && !asks_for_ipv4(spec) && spec.proto != walk::kIcmp && !spec.length) {
        out.push_back({"as IPv6", spec});
        out.back().frame.ether_type = walk::kIpv6;
        out.back().frame.option_words = 0;
    }
    // What was put at offsets is put by fields here, or it would stand in other headers.
    for (Disguise& disguise : out) disguise.frame.patches.clear();
    return out;
}

std::optional<FrameSpec> later_fragment(const FrameSpec& spec) {
    if (!spec.is_ip() || spec.fragment == FragmentPart::later) return std::nullopt;
    FrameSpec out = spec;
    const size_t length = make_frame(spec).size();
    out.fragment = FragmentPart::later;
    // The header in front of the offset makes IPv6 longer, and what follows shorter.
    const size_t now = make_frame(out).size();
    if (now > length)
        out.payload.resize(out.payload.size() - std::min(out.payload.size(), now - length));
    return out;
}

KeyPlaces key_places(ByteView frame) {
    KeyPlaces out;
    const Headers headers = walk_headers(frame);
    const uint64_t ip = headers[HeaderFact::ip_offset];
    const uint64_t transport = headers[HeaderFact::transport_offset];
    const bool six = headers[HeaderFact::ip_version] == 6;
    if (ip > frame.size()) return out;
    const size_t source = ip + (six ? 8 : 12), size = six ? 16 : 4;
    // The first byte, one that a common mask keeps, the last.
    for (const size_t begin : {source, source + size})
        for (const size_t at : {size_t{0}, size / 2, size - 1}) out.parts.push_back(begin + at);
    out.counting.push_back(source + size - 1);
    if (has_ports(headers) && transport < frame.size() && frame.size() - transport >= 4)
        for (const size_t at : {transport + 1, transport + 3}) {
            out.parts.push_back(at);
            out.counting.push_back(at);
        }
    return out;
}

Bytes answer(ByteView frame) {
    Bytes out(frame.begin(), frame.end());
    const auto swap = [&](uint64_t a, uint64_t b, size_t size) {
        if (b + size > out.size()) return;
        std::swap_ranges(out.begin() + static_cast<ptrdiff_t>(a),
                         out.begin() + static_cast<ptrdiff_t>(a + size),
                         out.begin() + static_cast<ptrdiff_t>(b));
    };
    swap(0, 6, 6);
    const Headers headers = walk_headers(frame);
    const uint64_t ip = headers[HeaderFact::ip_offset];
    const uint64_t transport = headers[HeaderFact::transport_offset];
    if (headers[HeaderFact::ip_version] == 4) swap(ip + 12, ip + 16, 4);
    if (headers[HeaderFact::ip_version] == 6) swap(ip + 8, ip + 24, 16);
    if (has_ports(headers) && transport < out.size()) swap(transport, transport + 2, 2);
    return out;
}

}  // namespace vfm::lint
