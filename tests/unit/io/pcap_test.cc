// pcap files: good, odd and broken ones.
#include "tests/unit/io/capture_files.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(pcap_test)

namespace {

using boost::test_tools::per_element;

BOOST_AUTO_TEST_CASE(both_byte_orders_and_both_precisions) {
    const Directory directory;
    for (const Append append : {Append(append_le), Append(append_be)}) {
        for (const uint32_t magic : {0xa1b2c3d4u, 0xa1b23c4du}) {
            const Seen seen =
                read_bytes(directory, pcap_file({1, 60, 0}, {.magic = magic, .append = append}));
            BOOST_TEST(seen.error == "");
            BOOST_TEST(seen.lengths == (std::vector<size_t>{1, 60, 0}), per_element());
            BOOST_TEST(seen.packets[1] == Bytes(60, 2), per_element());
            const uint64_t fraction = magic == 0xa1b2c3d4 ? 123456000 : 123456;
            BOOST_TEST(seen.timestamps[1] == 11'000'000'000 + fraction);
            BOOST_TEST(seen.original[1] == 63u);
        }
    }
}

// Interface, protocol and packet type stand behind each record header.
BOOST_AUTO_TEST_CASE(pcap_of_patched_kernels) {
    const Directory directory;
    for (const Append append : {Append(append_le), Append(append_be)}) {
        Bytes bytes = pcap_header({.magic = 0xa1b2cd34, .append = append});
        for (const uint8_t fill : {uint8_t{1}, uint8_t{2}}) {
            for (const unsigned field : {10u, 5u, 4u, 4u, 7u, 0u}) append(bytes, field, 4);
            bytes.insert(bytes.end(), 4, fill);
        }
        const Seen seen = read_bytes(directory, bytes);
        BOOST_TEST(seen.error == "");
        BOOST_REQUIRE_EQUAL(seen.packets.size(), 2u);
        BOOST_TEST(seen.packets[1] == Bytes(4, 2), per_element());
    }
}

// Before 2.3 the original length stood first; in 2.3 whichever is less is the captured one.
BOOST_AUTO_TEST_CASE(versions_differ_in_the_order_of_lengths) {
    const Directory directory;
    for (const uint16_t minor : {uint16_t{2}, uint16_t{3}}) {
        Bytes bytes = pcap_header({.minor = minor});
        for (const unsigned field : {10u, 0u, 9u, 4u}) append_le(bytes, field, 4);
        bytes.insert(bytes.end(), 4, 1);
        const Seen seen = read_bytes(directory, bytes);
        BOOST_TEST(seen.error == "");
        BOOST_TEST(seen.lengths == std::vector<size_t>{4}, per_element());
        BOOST_TEST(seen.original[0] == 9u);
    }
    BOOST_TEST(read_bytes(directory, pcap_header({.minor = 5})).error ==
               directory / "in" + ":+0x4: error: pcap version 2.5 is not read, but 2.4 is\n");
}

BOOST_AUTO_TEST_CASE(any_snap_length) {
    const Directory directory;
    for (const uint32_t snap : {0u, 1u, 68u, 262144u, 0x7fffffffu, 0xffffffffu})
        BOOST_TEST(read_bytes(directory, pcap_file({0, 1}, {.snap_length = snap})).lengths.size() ==
                   2u);
    const Seen seen = read_bytes(directory, pcap_file({300000, 1 << 24, 1}, {.snap_length = 96}));
    BOOST_TEST(seen.error == "");
    BOOST_TEST(seen.lengths == (std::vector<size_t>{300000, 1 << 24, 1}), per_element());
}

BOOST_AUTO_TEST_CASE(files_that_are_no_captures) {
    const Directory directory;
    const std::string in = directory / "in";
    BOOST_TEST(read_all(directory / "none").error ==
               directory / "none" + ": error: cannot open: No such file or directory\n");
    BOOST_TEST(read_all("/tmp").error == "/tmp: error: cannot read: Is a directory\n");
    BOOST_TEST(read_bytes(directory, {}).error ==
               in + ": error: not a capture: the file is empty\n");
    BOOST_TEST(read_bytes(directory, Bytes(3)).error ==
               in + ": error: not a capture: the file is too short for any header\n");
    BOOST_TEST(
        read_bytes(directory, Bytes(1000, 'x'))
            .error.contains(": error: not a capture: neither pcap nor pcapng begins with 78"));
    Bytes head = pcap_header();
    head.pop_back();
    BOOST_TEST(read_bytes(directory, head).error ==
               in +
                   ":+0x17: error: not a capture: 23 of the 24 bytes of a pcap header are there\n");
}

BOOST_AUTO_TEST_CASE(a_cut_file_gives_what_was_whole_and_says_where_it_broke) {
    const Directory directory;
    const Bytes whole = pcap_file({10, 20, 30});
    const size_t begins[] = {24, 50, 86, 132};  // of the records, and the end
    for (size_t size = 24; size <= whole.size(); ++size) {
        const Seen seen =
            read_bytes(directory, Bytes(whole.begin(), whole.begin() + static_cast<long>(size)));
        const auto next = std::ranges::upper_bound(begins, size) - begins - 1;
        BOOST_REQUIRE_EQUAL(seen.lengths.size(), next);
        const bool between = begins[next] == size;
        BOOST_REQUIRE_EQUAL(seen.error.empty(), between);
        if (between) continue;
        BOOST_REQUIRE(seen.error.contains(
            fmt::format("in:+{:#x}: error: packet {}: cut off: ", begins[next], next + 1)));
        BOOST_REQUIRE(seen.error.contains(fmt::format("packets read before it: {}\n", next)));
    }
    BOOST_TEST(read_bytes(directory, Bytes(whole.begin(), whole.end() - 1)).error ==
               directory / "in" +
                   ":+0x56: error: packet 3: cut off: 29 of 30 bytes of a packet are there; "
                   "packets read before it: 2\n");
}

BOOST_AUTO_TEST_CASE(an_impossible_length_is_an_error) {
    const Directory directory;
    Bytes bytes = pcap_file({10, 20});
    for (size_t i = 0; i < 4; ++i) bytes[24 + 16 + 10 + 8 + i] = 0xff;
    BOOST_TEST(read_bytes(directory, bytes).error ==
               directory / "in" +
                   ":+0x32: error: packet 2: captured length 4294967295 is more than 16777216; "
                   "packets read before it: 1\n");
}

// Seconds of a pcap file are 32 bits without a sign: they last until 2106.
BOOST_AUTO_TEST_CASE(timestamps_at_both_ends) {
    const Directory directory;
    const Seen seen = read_bytes(directory, pcap_file({1, 1}, {.start = 0x7fffffff}));
    BOOST_TEST(seen.timestamps[0] == 0x7fffffffu * 1'000'000'000ull + 123456000);
    BOOST_TEST(seen.timestamps[1] == 0x80000000u * 1'000'000'000ull + 123456000);
    for (const uint32_t magic : {0xa1b2c3d4u, 0xa1b23c4du}) {
        Bytes bytes = pcap_header({.magic = magic});
        for (const uint32_t field : {0xffffffffu, 0xffffffffu, 0u, 0u}) append_le(bytes, field, 4);
        const uint64_t fraction = 0xffffffffull * (magic == 0xa1b2c3d4 ? 1000 : 1);
        BOOST_TEST(read_bytes(directory, bytes).timestamps[0] ==
                   0xffffffffull * 1'000'000'000 + fraction);
    }
}

BOOST_AUTO_TEST_CASE(stopped_before_the_header_it_is_an_empty_capture) {
    int ends[2];
    BOOST_REQUIRE(::pipe(ends) == 0);
    const std::atomic<bool> stop = true;
    auto reader = CaptureReader::open(fmt::format("/proc/self/fd/{}", ends[0]), {.asked = &stop});
    BOOST_REQUIRE(reader);
    const auto end = reader->next();
    BOOST_TEST((end && !*end));
    BOOST_TEST(reader->interfaces() == 0u);
    BOOST_TEST(!reader->first_link_type());
    ::close(ends[0]);
    ::close(ends[1]);
}

// Told by the request, or by the answer of who is called before waiting.
BOOST_AUTO_TEST_CASE(a_pipe_gives_what_is_there_until_it_is_stopped) {
    for (const bool by_request : {false, true}) {
        int ends[2];
        BOOST_REQUIRE(::pipe(ends) == 0);
        const Bytes file = pcap_file({10, 20});
        BOOST_REQUIRE(::write(ends[1], file.data(), 50) == 50);
        std::atomic<bool> stop = false;
        auto reader =
            CaptureReader::open(fmt::format("/proc/self/fd/{}", ends[0]), {.asked = &stop});
        BOOST_REQUIRE(reader);
        BOOST_TEST(reader->is_live());
        int waits = 0;
        reader->before_wait([&] { return ++waits < 2 || by_request; });
        // Without waiting for the second one.
        const auto first = reader->next();
        BOOST_REQUIRE(first && *first);
        BOOST_TEST((*first)->packet.bytes.size() == 10u);
        BOOST_TEST(waits == 0);
        // Stopped within a record: the end, no error.
        BOOST_REQUIRE(::write(ends[1], file.data() + 50, 20) == 20);
        if (by_request) stop = true;
        waits = 1;
        const auto end = reader->next();
        BOOST_REQUIRE(end);
        BOOST_TEST(*end == nullptr);
        BOOST_TEST(reader->stopped());
        ::close(ends[0]);
        ::close(ends[1]);
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
