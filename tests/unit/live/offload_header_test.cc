// What a frame needs on its way back, against frames whose every offset the builder knows.
#include "userspace/live/offload_header.h"

#include <sys/uio.h>

#include <boost/test/unit_test.hpp>

#include "tests/harness/rng.h"
#include "tests/unit/live/frames.h"

BOOST_AUTO_TEST_SUITE(offload_header_test)

using namespace vfm;
using namespace vfm::test;

namespace {

constexpr unsigned kMtu = 1500;

Offload offload_of(const BuiltFrame& frame, unsigned mtu = kMtu) {
    return find_offload(frame.bytes, frame.bytes.size(), mtu);
}

bool asks(const Offload& offload) { return offload.header.flags == VirtioHeader::kNeedsChecksum; }

/// As the kernel completes: the sum from csum_start to the end, the field among it.
void complete(BuiltFrame& frame, const VirtioHeader& header) {
    const uint32_t sum = ones_sum(ByteView(frame.bytes).subspan(header.csum_start));
    BuiltFrame at = frame;
    at.field = size_t{header.csum_start} + header.csum_offset;
    const auto value = static_cast<uint16_t>(~sum);
    set_field(at, value == 0 ? 0xffff : value);
    frame.bytes = at.bytes;
}

uint16_t field_of(const BuiltFrame& frame) {
    return load_be<uint16_t>(frame.bytes.data() + frame.field);
}

Bytes random_bytes(Rng& rng, size_t size) {
    Bytes bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.next());
    return bytes;
}

FrameSpec random_spec(Rng& rng) {
    FrameSpec spec;
    for (uint64_t tags = rng.below(3); tags > 0; --tags)
        spec.tags.push_back(static_cast<uint16_t>(rng.below(4096)));
    spec.version = rng.below(2) == 0 ? 4 : 6;
    const size_t address = spec.version == 4 ? 4 : 16;
    spec.source = random_bytes(rng, address);
    spec.destination = random_bytes(rng, address);
    if (spec.version == 4) {
        spec.options = Bytes(4 * rng.below(11), 1);
    } else {
        for (uint64_t headers = rng.below(4); headers > 0; --headers) {
            Bytes header(8 * (1 + rng.below(3)));
            header[1] = static_cast<uint8_t>(header.size() / 8 - 1);
            spec.extensions.emplace_back(static_cast<uint8_t>(60 * rng.below(2)), header);
        }
    }
    spec.proto = rng.below(2) == 0 ? 6 : 17;
    spec.tcp_options = Bytes(4 * rng.below(11), 1);
    spec.source_port = static_cast<uint16_t>(rng.next());
    spec.destination_port = static_cast<uint16_t>(rng.below(4000));
    spec.payload = random_bytes(rng, rng.below(1200));
    return spec;
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_frames) {
    Rng rng(71);
    for (int i = 0; i < 20000; ++i) {
        FrameSpec spec = random_spec(rng);
        BOOST_TEST_CONTEXT("frame " << i) {
            spec.sum = Sum::partial;
            BuiltFrame frame = build(spec);
            const Offload offload = offload_of(frame);
            BOOST_REQUIRE(asks(offload));
            BOOST_REQUIRE(offload.header.csum_start == frame.transport);
            BOOST_REQUIRE(offload.header.csum_start + offload.header.csum_offset == frame.field);
            const uint16_t right = right_sum(frame);
            complete(frame, offload.header);
            BOOST_REQUIRE(field_of(frame) == right);

            for (const Sum sum : {Sum::complete, Sum::damaged, Sum::none}) {
                spec.sum = sum;
                const BuiltFrame other = build(spec);
                BOOST_REQUIRE(asks(offload_of(other)) == (field_of(other) == other.pseudo));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(one_value_of_a_field_is_partial) {
    for (const uint8_t proto : {uint8_t{6}, uint8_t{17}})
        for (const unsigned version : {4, 6}) {
            FrameSpec spec;
            spec.proto = proto;
            spec.version = version;
            if (version == 6) spec.source = spec.destination = Bytes(16, 0x2a);
            BuiltFrame frame = build(spec);
            for (unsigned value = 0; value <= 0xffff; ++value) {
                set_field(frame, static_cast<uint16_t>(value));
                if (asks(offload_of(frame)) != (value == frame.pseudo))
                    BOOST_FAIL("proto " << +proto << " value " << value);
            }
        }
}

// The two cannot be told apart, and need not be: completing changes nothing.
BOOST_AUTO_TEST_CASE(complete_and_equal_to_the_partial_sum) {
    FrameSpec spec;
    unsigned met = 0;
    for (unsigned value = 0; value <= 0xffff; ++value) {
        spec.payload[0] = static_cast<uint8_t>(value >> 8);
        spec.payload[1] = static_cast<uint8_t>(value);
        BuiltFrame frame = build(spec);
        if (field_of(frame) != frame.pseudo) continue;
        ++met;
        const BuiltFrame before = frame;
        const Offload offload = offload_of(frame);
        BOOST_TEST(asks(offload));
        complete(frame, offload.header);
        BOOST_TEST(frame.bytes == before.bytes);
    }
    BOOST_TEST(met > 0);
}

BOOST_AUTO_TEST_CASE(fragments_and_cut_frames_say_nothing) {
    FrameSpec spec;
    spec.sum = Sum::partial;
    const BuiltFrame whole = build(spec);
    for (const unsigned flags : {0x2000, 0x0001, 0x2001, 0x1fff}) {
        BuiltFrame fragment = whole;
        fragment.bytes[fragment.ip + 6] = static_cast<uint8_t>(flags >> 8);
        fragment.bytes[fragment.ip + 7] = static_cast<uint8_t>(flags);
        BOOST_TEST(!asks(offload_of(fragment)));
    }
    for (const bool six : {false, true})
        for (const uint8_t proto : {uint8_t{6}, uint8_t{17}}) {
            spec.version = six ? 6 : 4;
            spec.proto = proto;
            if (six) spec.source = spec.destination = Bytes(16, 0x2a);
            const BuiltFrame frame = build(spec);
            const ByteView bytes = frame.bytes;
            for (size_t cut = 0; cut < bytes.size(); ++cut) {
                const Bytes copy(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(cut));
                BOOST_TEST(!asks(find_offload(copy, cut, kMtu)));
                // All headers in the first chunk, the rest behind it.
                const bool headers = cut >= frame.transport + (proto == 6 ? 20 : 8);
                BOOST_TEST(asks(find_offload(copy, bytes.size(), kMtu)) == headers);
            }
            Bytes padded = frame.bytes;
            padded.resize(padded.size() + 6);
            BOOST_TEST(asks(find_offload(padded, padded.size(), kMtu)));
        }
    spec = {};
    spec.version = 6;
    spec.source = spec.destination = Bytes(16, 0x2a);
    spec.sum = Sum::partial;
    spec.extensions = {{44, {0, 0, 0, 1, 0, 0, 0, 7}}};
    BOOST_TEST(!asks(offload_of(build(spec))));
}

BOOST_AUTO_TEST_CASE(long_tcp_is_several_segments) {
    for (const bool six : {false, true})
        for (const size_t options : {0, 12, 40})
            for (const Sum sum : {Sum::partial, Sum::complete}) {
                FrameSpec spec;
                spec.proto = 6;
                spec.version = six ? 6 : 4;
                if (six) spec.source = spec.destination = Bytes(16, 0x2a);
                spec.tcp_options = Bytes(options, 1);
                spec.tags = {7};
                spec.sum = sum;
                const size_t headers = (six ? 40 : 20) + 20 + options;
                for (const size_t ip : {kMtu - 1u, kMtu + 0u, kMtu + 1u, 65000u}) {
                    spec.payload = Bytes(ip - headers, 0x33);
                    const BuiltFrame frame = build(spec);
                    const VirtioHeader header = offload_of(frame).header;
                    BOOST_TEST((header.flags != 0) == (sum == Sum::partial));
                    if (ip <= kMtu) {
                        BOOST_TEST(header.gso_type == 0);
                        continue;
                    }
                    BOOST_TEST(header.gso_type ==
                               (six ? VirtioHeader::kTcp6 : VirtioHeader::kTcp4));
                    BOOST_TEST(header.gso_size == kMtu - headers);
                    BOOST_TEST(header.hdr_len == frame.ip + headers);
                }
                spec.tcp_flags = 0x98;
                BOOST_TEST((offload_of(build(spec)).header.gso_type & VirtioHeader::kEcn) != 0);
                spec.proto = 17;
                BOOST_TEST(offload_of(build(spec)).header.gso_type == 0);
            }
}

BOOST_AUTO_TEST_CASE(within_a_tunnel) {
    FrameSpec inside;
    inside.proto = 6;
    inside.sum = Sum::partial;
    const BuiltFrame inner = build(inside);
    const Bytes packet(inner.bytes.begin() + 14, inner.bytes.end());
    Bytes tagged = inner.bytes;

    struct Tunnel {
        const char* name;
        uint8_t proto;
        uint16_t port;
        Bytes header;
        bool ethernet;
    };
    const Tunnel tunnels[] = {
        {"vxlan", 17, 4789, {8, 0, 0, 0, 0, 0, 5, 0}, true},
        {"vxlan 8472", 17, 8472, {8, 0, 0, 0, 0, 0, 5, 0}, true},
        {"geneve", 17, 6081, {1, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 3, 4}, true},
        {"gre", 47, 0, {0, 0, 8, 0}, false},
        {"gre with a key", 47, 0, {0x20, 0, 8, 0, 1, 2, 3, 4}, false},
        {"gretap", 47, 0, {0, 0, 0x65, 0x58}, true},
        {"ipip", 4, 0, {}, false},
    };
    for (const Tunnel& tunnel : tunnels)
        for (const Sum sum : {Sum::partial, Sum::complete}) BOOST_TEST_CONTEXT(tunnel.name) {
                inside.sum = sum;
                Bytes carried = build(inside).bytes;
                if (!tunnel.ethernet) carried.erase(carried.begin(), carried.begin() + 14);
                FrameSpec outside;
                outside.destination_port = tunnel.port;
                outside.payload = tunnel.header;
                outside.payload.insert(outside.payload.end(), carried.begin(), carried.end());
                BuiltFrame outer = build(outside);
                if (tunnel.proto != 17) {
                    outer.bytes.erase(outer.bytes.begin() + 34, outer.bytes.begin() + 42);
                    outer.bytes[23] = tunnel.proto;
                    const size_t length = outer.bytes.size() - 14;
                    outer.bytes[16] = static_cast<uint8_t>(length >> 8);
                    outer.bytes[17] = static_cast<uint8_t>(length);
                }
                const Offload offload = offload_of(outer);
                BOOST_TEST(asks(offload) == (sum == Sum::partial));
                const size_t tcp = outer.bytes.size() - inside.payload.size() - 20;
                if (sum == Sum::partial) BOOST_TEST(offload.header.csum_start == tcp);
                for (size_t cut = 0; cut < outer.bytes.size(); ++cut) {
                    const Bytes copy(outer.bytes.begin(),
                                     outer.bytes.begin() + static_cast<ptrdiff_t>(cut));
                    (void)find_offload(copy, outer.bytes.size(), kMtu);
                    BOOST_TEST(!asks(find_offload(copy, cut, kMtu)));
                }
            }
}

BOOST_AUTO_TEST_CASE(sctp_without_a_checksum) {
    FrameSpec spec;
    spec.proto = 132;
    // The port pair, the tag and "123456789" as a chunk: builders of other kinds do not matter.
    BuiltFrame frame = build(spec);
    for (size_t i = 0; i < 12; ++i) frame.bytes[frame.transport + i] = 0;
    Bytes copy = frame.bytes;
    const Offload offload = offload_of(frame);
    BOOST_TEST(offload.sctp_begin == frame.transport);
    BOOST_TEST(offload.sctp_end == frame.bytes.size());
    BOOST_TEST(!asks(offload));

    // Bit by bit: the remainder of x^32 times the message.
    uint32_t crc = ~0u;
    for (size_t i = frame.transport; i < copy.size(); ++i)
        for (int bit = 0; bit < 8; ++bit) {
            const bool odd = ((crc ^ static_cast<uint32_t>(copy[i] >> bit)) & 1) != 0;
            crc = crc >> 1 ^ (odd ? 0x82f63b78u : 0u);
        }
    for (const size_t split : {frame.transport + 12, frame.transport + 17, copy.size()}) {
        copy = frame.bytes;
        const iovec chunks[] = {{copy.data(), split}, {copy.data() + split, copy.size() - split}};
        complete_sctp(chunks, offload);
        BOOST_TEST(load_le<uint32_t>(copy.data() + frame.transport + 8) == ~crc);
    }
    frame.bytes[frame.transport + 8] = 1;
    const Offload filled = offload_of(frame);
    BOOST_TEST(filled.sctp_begin == filled.sctp_end);
}

BOOST_AUTO_TEST_SUITE_END()
