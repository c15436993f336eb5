// Compressed captures: whole, in several members, cut, broken, and much larger than they look.
#include "userspace/io/compression.h"

#include <zlib.h>

#include "tests/unit/io/capture_files.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(compression_test)

namespace {

using boost::test_tools::per_element;

Bytes gzip(const Bytes& plain) {
    z_stream stream{};
    BOOST_REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) ==
                  Z_OK);
    Bytes out(deflateBound(&stream, plain.size()));
    stream.next_in = const_cast<Bytef*>(plain.data());
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    BOOST_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

/// By the program; empty where it is missing.
Bytes zstd(const Directory& directory, const Bytes& plain) {
    BOOST_REQUIRE(write_file(directory / "plain", plain));
    const std::string command = "zstd -q -f " + directory / "plain" + " 2>/dev/null";
    if (std::system(command.c_str()) != 0) return {};
    const auto bytes = read_file(directory / "plain.zst");
    return bytes ? *bytes : Bytes();
}

Bytes joined(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

BOOST_AUTO_TEST_CASE(a_compressed_capture_is_what_it_holds) {
    const Directory directory;
    const Bytes plain = pcap_file({10, 300'000, 30});
    const Bytes ways[] = {gzip(plain), zstd(directory, plain)};
    for (const Bytes& packed : ways) {
        if (packed.empty()) continue;
        const Seen seen = read_bytes(directory, packed);
        BOOST_TEST(seen.error == "");
        BOOST_TEST(seen.lengths == (std::vector<size_t>{10, 300'000, 30}), per_element());
    }
}

BOOST_AUTO_TEST_CASE(members_follow_each_other) {
    const Directory directory;
    const Bytes plain = pcap_file({10, 20, 30});
    const auto part = [&](size_t from, size_t to) {
        return Bytes(plain.begin() + static_cast<long>(from),
                     plain.begin() + static_cast<long>(to));
    };
    const Bytes first = part(0, 61), second = part(61, plain.size());
    const Bytes packed = joined(gzip(first), gzip(second));
    BOOST_TEST(read_bytes(directory, packed).lengths.size() == 3u);
    BOOST_TEST(read_bytes(directory, joined(packed, Bytes(1000))).error == "");
    const Seen garbage = read_bytes(directory, joined(packed, Bytes{1, 2}));
    BOOST_TEST(garbage.lengths.size() == 3u);
    BOOST_TEST(garbage.error.contains("gzip data: other bytes stand behind its end"));
    const Bytes frames = joined(zstd(directory, first), zstd(directory, second));
    if (!frames.empty()) BOOST_TEST(read_bytes(directory, frames).lengths.size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_cut_one_gives_what_was_whole) {
    const Directory directory;
    const Bytes plain = pcap_file({10, 20, 30});
    const Bytes ways[] = {gzip(plain), zstd(directory, plain)};
    for (const Bytes& packed : ways) {
        if (packed.empty()) continue;
        size_t most = 0;
        for (size_t size = 4; size < packed.size(); ++size) {
            const Seen seen = read_bytes(
                directory, Bytes(packed.begin(), packed.begin() + static_cast<long>(size)));
            BOOST_REQUIRE(seen.error.contains(" data: "));
            BOOST_REQUIRE_GE(seen.lengths.size(), most);
            most = seen.lengths.size();
        }
    }
    const Bytes packed = gzip(plain);
    // All packets are there, but not the checksum behind them.
    BOOST_TEST(read_bytes(directory, Bytes(packed.begin(), packed.end() - 1)).error ==
               directory / "in" +
                   ":+0x84: error: packet 4: gzip data: it ends too early; packets read before it: "
                   "3\nhint: the offset is one in the bytes that the compressed file holds\n");
}

BOOST_AUTO_TEST_CASE(a_broken_one_is_an_error) {
    const Directory directory;
    Bytes packed = gzip(pcap_file({10, 20, 30}));
    packed[packed.size() - 6] ^= 1;  // the checksum
    const Seen seen = read_bytes(directory, packed);
    BOOST_TEST(seen.error.contains("gzip data: incorrect data check"));
    BOOST_TEST(read_bytes(directory, {0x1f, 0x8b, 0xff, 0xff})
                   .error.contains("gzip data: unknown compression method"));
    BOOST_TEST(read_bytes(directory, gzip(Bytes(100))).error.contains("not a capture"));
}

BOOST_AUTO_TEST_CASE(one_that_ends_before_the_first_record_is_an_error_at_its_place) {
    const Directory directory;
    const Bytes packed = gzip(pcap_file({}));
    for (size_t size = 2; size < packed.size(); ++size) {
        const Bytes cut(packed.begin(), packed.begin() + static_cast<ptrdiff_t>(size));
        const std::string error = read_bytes(directory, cut).error;
        BOOST_TEST(error.starts_with(directory / "in" + ":+0x"), error);
        BOOST_TEST(error.contains("gzip data: it ends too early"), error);
    }
    BOOST_TEST(read_bytes(directory, {0x50, 0x2a, 0x4d, 0x18}).error.contains("zstd data: "));
}

// 256 MiB of zeros in a few hundred kilobytes: a block that is passed over, in a buffer's memory.
BOOST_AUTO_TEST_CASE(a_bomb_is_read_in_bounded_memory) {
    const Directory directory;
    Blocks file;
    file.section().interface();
    Bytes plain = file.bytes;
    constexpr uint32_t kSize = 256 << 20;
    append_le(plain, 0x0bad, 4);
    append_le(plain, kSize, 4);
    Bytes packed = gzip(plain);
    const Bytes zeros = gzip(Bytes(8 << 20));
    for (uint32_t made = 8; made + (8 << 20) < kSize; made += 8 << 20)
        packed.insert(packed.end(), zeros.begin(), zeros.end());
    BOOST_TEST(packed.size() < size_t{1} << 20);
    const Seen seen = read_bytes(directory, packed);
    BOOST_TEST(seen.error.contains("packet 1: cut off: "));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
