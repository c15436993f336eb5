// Bytes of captures for the tests of userspace/io, and what its readers make of them.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/io.h"
#include "userspace/io/capture.h"

namespace vfm {

/// A directory of the test's own, gone at its end.
class Directory {
  public:
    Directory() {
        char pattern[] = "/tmp/vfm-io-XXXXXX";
        BOOST_REQUIRE(::mkdtemp(pattern));
        path_ = pattern;
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    size_t files() const {
        using Iterator = std::filesystem::directory_iterator;
        return static_cast<size_t>(std::distance(Iterator(path_), Iterator()));
    }

  private:
    std::string path_;
};

/// Appends numbers in the byte order of whoever writes a file.
using Append = void (*)(Bytes&, uint64_t, unsigned);
inline void append_be(Bytes& out, uint64_t value, unsigned size) {
    for (unsigned i = size; i-- > 0;) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

struct PcapFormat {
    uint32_t magic = 0xa1b2c3d4;  // microseconds
    uint32_t snap_length = 65535;
    uint32_t link_type = 1;
    Append append = append_le;
    uint32_t start = 10;  // seconds
    uint16_t minor = 4;
};

inline Bytes pcap_header(const PcapFormat& format = {}) {
    Bytes out;
    format.append(out, format.magic, 4);
    format.append(out, 2, 2);
    format.append(out, format.minor, 2);
    format.append(out, 0, 8);
    format.append(out, format.snap_length, 4);
    format.append(out, format.link_type, 4);
    return out;
}

/// A pcap file with packets of these lengths; packet i has bytes i+1, the i-th second after
/// `start`, fraction 123456, and was 3 bytes longer on the wire.
inline Bytes pcap_file(const std::vector<unsigned>& lengths, const PcapFormat& format = {}) {
    Bytes out = pcap_header(format);
    for (unsigned i = 0; i < lengths.size(); ++i) {
        for (const unsigned field : {format.start + i, 123456u, lengths[i], lengths[i] + 3})
            format.append(out, field, 4);
        out.insert(out.end(), lengths[i], static_cast<uint8_t>(i + 1));
    }
    return out;
}

/// A pcap file of one packet with these bytes.
inline Bytes pcap_of(uint32_t link_type, const Bytes& packet) {
    Bytes out = pcap_header({.link_type = link_type});
    append_le(out, 10, 4);
    append_le(out, 0, 4);
    append_le(out, packet.size(), 4);
    append_le(out, packet.size(), 4);
    out.insert(out.end(), packet.begin(), packet.end());
    return out;
}

/// Blocks of pcapng, one behind the other.
class Blocks {
  public:
    explicit Blocks(Append append = append_le) : append_(append) {}

    Blocks& block(uint32_t type, Bytes body) {
        body.resize((body.size() + 3) / 4 * 4);
        append_(bytes, type, 4);
        append_(bytes, body.size() + 12, 4);
        bytes.insert(bytes.end(), body.begin(), body.end());
        append_(bytes, body.size() + 12, 4);
        return *this;
    }
    /// From here on blocks are written in this order.
    Blocks& section(Append append) {
        append_ = append;
        return section();
    }
    Blocks& section() {
        Bytes body;
        append_(body, 0x1a2b3c4d, 4);
        append_(body, 1, 2);
        append_(body, 0, 2);
        append_(body, UINT64_MAX, 8);
        return block(0x0a0d0d0a, body);
    }
    Blocks& interface(uint16_t link_type = 1, uint32_t snap_length = 0, int resolution = -1,
                      int64_t offset = 0) {
        Bytes body;
        append_(body, link_type, 2);
        append_(body, 0, 2);
        append_(body, snap_length, 4);
        if (resolution >= 0) {
            append_(body, 9, 2);
            append_(body, 1, 2);
            body.push_back(static_cast<uint8_t>(resolution));
            body.resize(body.size() + 3);
        }
        if (offset != 0) {
            append_(body, 14, 2);
            append_(body, 8, 2);
            append_(body, static_cast<uint64_t>(offset), 8);
        }
        append_(body, 0, 4);
        return block(1, body);
    }
    Blocks& packet(const Bytes& packet, uint64_t ticks = 0, uint32_t interface = 0) {
        Bytes body;
        append_(body, interface, 4);
        append_packet(body, packet, ticks);
        return block(6, body);
    }
    /// The block before the enhanced one.
    Blocks& old_packet(const Bytes& packet, uint64_t ticks = 0, uint16_t interface = 0) {
        Bytes body;
        append_(body, interface, 2);
        append_(body, 0xffff, 2);  // drops: unknown
        append_packet(body, packet, ticks);
        return block(2, body);
    }
    Blocks& simple_packet(const Bytes& packet, uint32_t original) {
        Bytes body;
        append_(body, original, 4);
        body.insert(body.end(), packet.begin(), packet.end());
        return block(3, body);
    }

    Bytes bytes;

  private:
    void append_packet(Bytes& body, const Bytes& packet, uint64_t ticks) const {
        append_(body, ticks >> 32, 4);
        append_(body, ticks & 0xffffffff, 4);
        append_(body, packet.size(), 4);
        append_(body, packet.size() + 3, 4);
        body.insert(body.end(), packet.begin(), packet.end());
    }

    Append append_;
};

struct Seen {
    std::vector<size_t> lengths;  // of the packets that a filter sees
    std::vector<Bytes> packets;
    std::vector<bool> readable;
    std::vector<uint64_t> timestamps;
    std::vector<uint32_t> original;
    std::vector<uint32_t> interfaces;
    std::string notes, error;
};

inline Seen read_all(const std::string& path) {
    Seen seen;
    auto reader = CaptureReader::open(path);
    if (!reader) {
        BOOST_TEST(int(reader.error().status) == int(Status::rejected));
        seen.error = render(reader.error().diagnostics);
        return seen;
    }
    for (;;) {
        const auto next = reader->next();
        seen.notes += render(reader->take_notes());
        if (!next) {
            BOOST_TEST(int(next.error().status) == int(Status::rejected));
            seen.error = render(next.error().diagnostics);
            return seen;
        }
        if (!*next) return seen;
        const CapturedPacket& captured = **next;
        const ByteView bytes = captured.packet.bytes;
        seen.lengths.push_back(bytes.size());
        seen.packets.emplace_back(bytes.begin(), bytes.end());
        seen.readable.push_back(captured.readable);
        seen.timestamps.push_back(captured.packet.timestamp);
        seen.original.push_back(captured.record.original);
        seen.interfaces.push_back(captured.record.interface.number);
    }
}

inline Seen read_bytes(const Directory& directory, const Bytes& bytes) {
    BOOST_REQUIRE(write_file(directory / "in", bytes));
    return read_all(directory / "in");
}

}  // namespace vfm
