// Frames for the tests of this room, and the Internet checksum said once more: as plainly as it can
// be, byte by byte, so that it can judge.
#pragma once

#include "core/base/bytes.h"

namespace vfm::test {

inline void append_be(Bytes& out, uint64_t value, unsigned size) {
    while (size-- > 0) out.push_back(static_cast<uint8_t>(value >> (8 * size)));
}

/// Ones' complement sum of `bytes` as 16-bit words, the last byte of an odd number padded.
inline uint32_t ones_sum(ByteView bytes, uint32_t start = 0) {
    uint32_t sum = start;
    for (size_t i = 0; i < bytes.size(); ++i) {
        sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
        if (sum > 0xffff) sum -= 0xffff;
    }
    return sum;
}

/// How a frame's checksum field is filled.
enum class Sum { complete, partial, damaged, none };

struct FrameSpec {
    Bytes to{2, 0, 0, 0, 0, 1}, from{2, 0, 0, 0, 0, 2};
    std::vector<uint16_t> tags;  ///< 802.1Q
    unsigned version = 4;
    Bytes source{10, 9, 0, 2}, destination{10, 9, 0, 1};
    Bytes options;                                      ///< of IPv4, a multiple of 4 bytes
    std::vector<std::pair<uint8_t, Bytes>> extensions;  ///< of IPv6: number and whole header
    uint8_t proto = 17;
    uint16_t source_port = 4000, destination_port = 7000;
    Bytes tcp_options;
    uint8_t tcp_flags = 0x18;
    Bytes payload = Bytes(30, 0x5a);
    Sum sum = Sum::complete;
};

struct BuiltFrame {
    Bytes bytes;
    size_t ip = 0, transport = 0, field = 0;  ///< offsets
    uint32_t pseudo = 0;                      ///< sum of the pseudo-header
};

/// The right value of a frame's field, whatever is in it.
inline uint16_t right_sum(const BuiltFrame& frame) {
    Bytes copy = frame.bytes;
    copy[frame.field] = copy[frame.field + 1] = 0;
    const auto sum =
        static_cast<uint16_t>(~ones_sum(ByteView(copy).subspan(frame.transport), frame.pseudo));
    return sum == 0 ? 0xffff : sum;
}

inline void set_field(BuiltFrame& frame, uint16_t value) {
    frame.bytes[frame.field] = static_cast<uint8_t>(value >> 8);
    frame.bytes[frame.field + 1] = static_cast<uint8_t>(value);
}

inline BuiltFrame build(const FrameSpec& spec) {
    BuiltFrame frame;
    Bytes& out = frame.bytes;
    Bytes transport;
    append_be(transport, spec.source_port, 2);
    append_be(transport, spec.destination_port, 2);
    if (spec.proto == 6) {
        append_be(transport, 1000, 4);
        append_be(transport, 0, 4);
        transport.push_back(static_cast<uint8_t>((20 + spec.tcp_options.size()) / 4 << 4));
        transport.push_back(spec.tcp_flags);
        append_be(transport, 512, 2);
        append_be(transport, 0, 4);
        transport.insert(transport.end(), spec.tcp_options.begin(), spec.tcp_options.end());
    } else {
        append_be(transport, 8 + spec.payload.size(), 2);
        append_be(transport, 0, 2);
    }
    transport.insert(transport.end(), spec.payload.begin(), spec.payload.end());

    out.insert(out.end(), spec.to.begin(), spec.to.end());
    out.insert(out.end(), spec.from.begin(), spec.from.end());
    for (const uint16_t tag : spec.tags) {
        append_be(out, 0x8100, 2);
        append_be(out, tag, 2);
    }
    append_be(out, spec.version == 4 ? 0x0800 : 0x86dd, 2);
    frame.ip = out.size();
    if (spec.version == 4) {
        const size_t header = 20 + spec.options.size();
        out.push_back(static_cast<uint8_t>(0x40 | header / 4));
        out.push_back(0);
        append_be(out, header + transport.size(), 2);
        append_be(out, 0x00014000, 4);
        out.push_back(64);
        out.push_back(spec.proto);
        append_be(out, 0, 2);
        out.insert(out.end(), spec.source.begin(), spec.source.end());
        out.insert(out.end(), spec.destination.begin(), spec.destination.end());
        out.insert(out.end(), spec.options.begin(), spec.options.end());
        const uint32_t sum = ~ones_sum(ByteView(out).subspan(frame.ip));
        out[frame.ip + 10] = static_cast<uint8_t>(sum >> 8);
        out[frame.ip + 11] = static_cast<uint8_t>(sum);
    } else {
        size_t length = transport.size();
        for (const auto& extension : spec.extensions) length += extension.second.size();
        append_be(out, 0x60000000, 4);
        append_be(out, length, 2);
        out.push_back(spec.extensions.empty() ? spec.proto : spec.extensions[0].first);
        out.push_back(64);
        out.insert(out.end(), spec.source.begin(), spec.source.end());
        out.insert(out.end(), spec.destination.begin(), spec.destination.end());
        for (size_t i = 0; i < spec.extensions.size(); ++i) {
            const size_t begin = out.size();
            const Bytes& header = spec.extensions[i].second;
            out.insert(out.end(), header.begin(), header.end());
            out[begin] = i + 1 < spec.extensions.size() ? spec.extensions[i + 1].first : spec.proto;
        }
    }
    frame.transport = out.size();
    frame.field = frame.transport + (spec.proto == 6 ? 16 : 6);
    out.insert(out.end(), transport.begin(), transport.end());

    Bytes pseudo = spec.source;
    pseudo.insert(pseudo.end(), spec.destination.begin(), spec.destination.end());
    append_be(pseudo, transport.size(), 4);
    append_be(pseudo, spec.proto, 4);
    frame.pseudo = ones_sum(pseudo);
    const uint16_t right = right_sum(frame);
    switch (spec.sum) {
        case Sum::complete:
            set_field(frame, right);
            break;
        case Sum::partial:
            set_field(frame, static_cast<uint16_t>(frame.pseudo));
            break;
        case Sum::damaged:
            set_field(frame, static_cast<uint16_t>(right ^ 0x0101));
            break;
        case Sum::none:
            break;
    }
    return frame;
}

}  // namespace vfm::test
