// Captures: what is read from good, odd and broken files, and what is written.
#include "userspace/io/capture.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>

#include "core/base/io.h"

namespace vfm {
namespace {

namespace fs = std::filesystem;

/// A directory of the test's own, gone at its end.
class Directory {
  public:
    Directory() {
        char pattern[] = "/tmp/vfm-io-XXXXXX";
        BOOST_REQUIRE(::mkdtemp(pattern));
        path_ = pattern;
    }
    ~Directory() { fs::remove_all(path_); }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    size_t files() const {
        return static_cast<size_t>(
            std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
    }

  private:
    std::string path_;
};

void append_be(Bytes& out, uint64_t value, unsigned size) {
    for (unsigned i = size; i-- > 0;) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

using Append = void (*)(Bytes&, uint64_t, unsigned);

struct Format {
    uint32_t magic = 0xa1b2c3d4;  // microseconds
    uint32_t snap_length = 65535;
    uint32_t link_type = 1;
    Append append = append_le;
    uint32_t start = 10;  // seconds
};

/// A pcap file with packets of these lengths; packet i has bytes i+1, the i-th second after
/// `start`, fraction 123456, and was 3 bytes longer on the wire.
Bytes pcap_file(const std::vector<unsigned>& lengths, const Format& format = {}) {
    Bytes out;
    format.append(out, format.magic, 4);
    format.append(out, 2, 2);
    format.append(out, 4, 2);
    format.append(out, 0, 8);
    format.append(out, format.snap_length, 4);
    format.append(out, format.link_type, 4);
    for (unsigned i = 0; i < lengths.size(); ++i) {
        for (const unsigned field : {format.start + i, 123456u, lengths[i], lengths[i] + 3})
            format.append(out, field, 4);
        out.insert(out.end(), lengths[i], static_cast<uint8_t>(i + 1));
    }
    return out;
}

void append_block(Bytes& out, uint32_t type, Bytes body) {
    body.resize((body.size() + 3) / 4 * 4);
    append_le(out, type, 4);
    append_le(out, body.size() + 12, 4);
    out.insert(out.end(), body.begin(), body.end());
    append_le(out, body.size() + 12, 4);
}

/// A pcapng file with one interface of nanosecond resolution and one packet of 6 bytes.
Bytes pcapng_file() {
    Bytes out, section, interface, packet;
    append_le(section, 0x1a2b3c4d, 4);
    append_le(section, 1, 4);
    append_le(section, UINT64_MAX, 8);
    append_block(out, 0x0a0d0d0a, section);
    append_le(interface, 1, 4);
    append_le(interface, 0, 4);
    append_le(interface, 9, 2);  // option if_tsresol
    append_le(interface, 1, 2);
    append_le(interface, 9, 4);  // 10^-9
    append_le(interface, 0, 4);
    append_block(out, 1, interface);
    const uint64_t time = 5'000'000'007;
    append_le(packet, 0, 4);
    append_le(packet, time >> 32, 4);
    append_le(packet, time, 4);
    append_le(packet, 6, 4);
    append_le(packet, 60, 4);
    packet.insert(packet.end(), 6, 0xee);
    append_block(out, 6, packet);
    return out;
}

struct Seen {
    std::vector<size_t> lengths;
    std::vector<uint64_t> timestamps;
    std::vector<uint32_t> original;
    std::string error;
};

Seen read_all(const std::string& path) {
    Seen seen;
    auto reader = CaptureReader::open(path);
    if (!reader) {
        BOOST_TEST(int(reader.error().status) == int(Status::rejected));
        seen.error = render(reader.error().diagnostics);
        return seen;
    }
    for (;;) {
        const auto next = reader->next();
        if (!next) {
            BOOST_TEST(int(next.error().status) == int(Status::rejected));
            seen.error = render(next.error().diagnostics);
            return seen;
        }
        if (!*next) return seen;
        seen.lengths.push_back((*next)->packet.bytes.size());
        seen.timestamps.push_back((*next)->packet.timestamp);
        seen.original.push_back((*next)->info.wire_length);
        for (const uint8_t byte : (*next)->packet.bytes)
            BOOST_REQUIRE_EQUAL(byte, (*next)->packet.bytes[0]);
    }
}

Seen read_bytes(const Directory& directory, const Bytes& bytes) {
    BOOST_REQUIRE(write_file(directory / "in", bytes));
    return read_all(directory / "in");
}

BOOST_AUTO_TEST_CASE(both_byte_orders_and_both_precisions) {
    const Directory directory;
    for (const Append append : {Append(append_le), Append(append_be)}) {
        for (const uint32_t magic : {0xa1b2c3d4u, 0xa1b23c4du}) {
            const Seen seen =
                read_bytes(directory, pcap_file({1, 60, 0}, {.magic = magic, .append = append}));
            BOOST_TEST(seen.error == "");
            BOOST_TEST(seen.lengths == (std::vector<size_t>{1, 60, 0}),
                       boost::test_tools::per_element());
            const uint64_t fraction = magic == 0xa1b2c3d4 ? 123456000 : 123456;
            BOOST_TEST(seen.timestamps[1] == 11'000'000'000 + fraction);
            BOOST_TEST(seen.original[1] == 63u);
        }
    }
}

BOOST_AUTO_TEST_CASE(pcapng_with_nanoseconds) {
    const Directory directory;
    const Seen seen = read_bytes(directory, pcapng_file());
    BOOST_TEST(seen.error == "");
    BOOST_REQUIRE_EQUAL(seen.lengths.size(), 1u);
    BOOST_TEST(seen.lengths[0] == 6u);
    BOOST_TEST(seen.original[0] == 60u);
    BOOST_TEST(seen.timestamps[0] == 5'000'000'007u);
}

BOOST_AUTO_TEST_CASE(any_snap_length) {
    const Directory directory;
    for (const uint32_t snap : {0u, 1u, 68u, 262144u, 0x7fffffffu, 0xffffffffu})
        BOOST_TEST(read_bytes(directory, pcap_file({0, 1}, {.snap_length = snap})).lengths.size() ==
                   2u);
    BOOST_TEST(read_bytes(directory, pcap_file({200000}, {.snap_length = 262144})).lengths[0] ==
               200000u);
}

BOOST_AUTO_TEST_CASE(other_link_types_are_named) {
    const Directory directory;
    BOOST_TEST(read_bytes(directory, pcap_file({}, {.link_type = 101})).error ==
               directory / "in" +
                   ": error: only Ethernet captures are accepted, link type is RAW\n");
}

BOOST_AUTO_TEST_CASE(files_that_are_no_captures) {
    const Directory directory;
    BOOST_TEST(read_all(directory / "none").error ==
               directory / "none" + ": error: cannot open: No such file or directory\n");
    for (const Bytes& bytes : {Bytes{}, Bytes(3), Bytes(1000, 'x'), Bytes(24)})
        BOOST_TEST(read_bytes(directory, bytes).error.contains("error: not a capture: "));
    BOOST_TEST(read_all("/tmp").error.contains("error: not a capture: "));
}

BOOST_AUTO_TEST_CASE(a_cut_file_gives_what_was_whole_and_says_where_it_broke) {
    const Directory directory;
    for (const Bytes& whole : {pcap_file({10, 20, 30}), pcapng_file()}) {
        size_t most = 0;
        for (size_t size = 0; size < whole.size(); ++size) {
            const Seen seen = read_bytes(
                directory, Bytes(whole.begin(), whole.begin() + static_cast<long>(size)));
            BOOST_REQUIRE_GE(seen.lengths.size(), most);
            most = seen.lengths.size();
            if (seen.error.contains("packet "))
                BOOST_REQUIRE(
                    seen.error.contains("packet " + std::to_string(most + 1) + ": ") &&
                    seen.error.contains("packets read before it: " + std::to_string(most) + "\n"));
        }
    }
    const Bytes three = pcap_file({10, 20, 30});
    BOOST_TEST(
        read_bytes(directory, Bytes(three.begin(), three.end() - 1)).error.contains("packet 3: "));
}

BOOST_AUTO_TEST_CASE(an_impossible_length_is_an_error) {
    const Directory directory;
    Bytes bytes = pcap_file({10, 20});
    for (size_t i = 0; i < 4; ++i) bytes[24 + 16 + 10 + 8 + i] = 0xff;
    const Seen seen = read_bytes(directory, bytes);
    BOOST_TEST(seen.lengths.size() == 1u);
    BOOST_TEST(seen.error.contains("packet 2: "));
}

// Seconds of a pcap file are 32 bits without a sign: they last until 2106.
BOOST_AUTO_TEST_CASE(seconds_after_2038) {
    const Directory directory;
    const Seen seen = read_bytes(directory, pcap_file({1, 1}, {.start = 0x7fffffff}));
    BOOST_TEST(seen.timestamps[0] == 0x7fffffffu * 1'000'000'000ull + 123456000);
    BOOST_TEST(seen.timestamps[1] == 0x80000000u * 1'000'000'000ull + 123456000);
}

BOOST_AUTO_TEST_CASE(what_is_written_reads_the_same) {
    const Directory directory;
    BOOST_REQUIRE(write_file(directory / "in",
                             pcap_file({60, 0, 1500}, {.magic = 0xa1b23c4d, .start = 0x7fffffff})));
    auto reader = CaptureReader::open(directory / "in");
    auto writer = CaptureWriter::create(directory / "out", reader->snap_length());
    BOOST_REQUIRE(writer);
    for (;;) {
        const auto packet = reader->next();
        BOOST_REQUIRE(packet);
        if (!*packet) break;
        writer->write(**packet);
    }
    BOOST_TEST(!fs::exists(directory / "out"));
    BOOST_REQUIRE(writer->commit());
    BOOST_TEST(read_file(directory / "out").value() == read_file(directory / "in").value(),
               boost::test_tools::per_element());
    BOOST_TEST(directory.files() == 2u);
}

BOOST_AUTO_TEST_CASE(without_commit_nothing_is_left) {
    const Directory directory;
    {
        auto writer = CaptureWriter::create(directory / "out", 65535);
        BOOST_REQUIRE(writer);
    }
    BOOST_TEST(directory.files() == 0u);
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_written_are_refused) {
    const Directory directory;
    const auto missing = CaptureWriter::create(directory / "no/out", 65535);
    BOOST_REQUIRE(!missing);
    BOOST_TEST(int(missing.error().status) == int(Status::refused));
    BOOST_TEST(!CaptureWriter::create("/tmp", 65535));
    auto full = CaptureWriter::create("/dev/full", 65535);
    BOOST_REQUIRE(full);
    const auto result = full->commit();
    BOOST_REQUIRE(!result);
    BOOST_TEST(render(result.error().diagnostics) ==
               "/dev/full: error: cannot write: No space left on device\n");
}

BOOST_AUTO_TEST_CASE(a_link_is_followed_and_permissions_stay) {
    const Directory directory;
    BOOST_REQUIRE(write_file(directory / "real", Bytes(1)));
    fs::permissions(directory / "real", fs::perms::owner_read | fs::perms::owner_write);
    fs::create_symlink(directory / "real", directory / "link");
    auto writer = CaptureWriter::create(directory / "link", 65535);
    BOOST_REQUIRE(writer);
    BOOST_REQUIRE(writer->commit());
    BOOST_TEST(fs::is_symlink(directory / "link"));
    BOOST_TEST(fs::file_size(directory / "real") == 24u);
    BOOST_TEST((fs::status(directory / "real").permissions() ==
                (fs::perms::owner_read | fs::perms::owner_write)));
}

}  // namespace
}  // namespace vfm
