// What is written of a capture, and files that cannot be written.
#include "userspace/io/capture_writer.h"

#include "tests/unit/io/capture_files.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(writer_test)

namespace {

namespace fs = std::filesystem;
using boost::test_tools::per_element;

/// Everything that `in` holds, by way of a writer.
Result<> copy(const std::string& in, const std::string& out) {
    auto reader = TRY(CaptureReader::open(in));
    auto writer = TRY(CaptureWriter::create(out));
    for (;;) {
        const CapturedPacket* const packet = TRY(reader.next());
        if (!packet) break;
        writer.write(packet->record, reader.interfaces());
    }
    return writer.commit(reader.interfaces(), reader.first_link_type());
}

Bytes copied(const Directory& directory, const Bytes& bytes) {
    BOOST_REQUIRE(write_file(directory / "in", bytes));
    const auto done = copy(directory / "in", directory / "out");
    if (!done) BOOST_FAIL(render(done.error().diagnostics));
    return read_file(directory / "out").value();
}

BOOST_AUTO_TEST_CASE(pcap_comes_out_as_it_was) {
    const Directory directory;
    for (const uint32_t link_type : {1, 101, 113}) {
        const Bytes in = pcap_file({60, 0, 1500}, {.magic = 0xa1b23c4d,
                                                   .snap_length = 1500,
                                                   .link_type = link_type,
                                                   .start = 0x7fffffff});
        BOOST_TEST(copied(directory, in) == in, per_element());
    }
    const Bytes none = pcap_file({}, {.magic = 0xa1b23c4d, .link_type = 276});
    BOOST_TEST(copied(directory, none)[20] == none[20]);
    BOOST_TEST(directory.files() == 2u);
}

// tcpdump refuses a captured length above the original one.
BOOST_AUTO_TEST_CASE(the_original_length_is_at_least_the_captured_one) {
    const Directory directory;
    Bytes in = pcap_header();
    for (const unsigned field : {10u, 0u, 8u, 4u}) append_le(in, field, 4);
    in.insert(in.end(), 8, 1);
    BOOST_REQUIRE_EQUAL(copied(directory, in).size(), in.size());
    BOOST_TEST(read_all(directory / "out").original == std::vector<uint32_t>{8}, per_element());
}

BOOST_AUTO_TEST_CASE(one_interface_becomes_pcap_and_several_pcapng) {
    const Directory directory;
    Blocks one;
    one.section().interface(1, 96, 9).packet(Bytes(6, 1), 5'000'000'007);
    BOOST_TEST(copied(directory, one.bytes)[0] == 0x4d);
    BOOST_TEST(read_all(directory / "out").timestamps == std::vector<uint64_t>{5'000'000'007},
               per_element());

    Blocks several;
    several.section().interface(1, 96, 9).interface(113, 0, 6).interface(105);
    several.packet(Bytes(6, 1), 7).packet(Bytes(20, 8), 8, 1).packet(Bytes(5, 2), 9);
    BOOST_TEST(copied(directory, several.bytes)[0] == 0x0a);
    const Seen before = read_all(directory / "in"), after = read_all(directory / "out");
    BOOST_TEST(after.error == "");
    BOOST_TEST(after.packets.size() == 3u);
    BOOST_TEST((after.packets == before.packets));
    BOOST_TEST(after.timestamps == before.timestamps, per_element());
    BOOST_TEST(after.original == before.original, per_element());
    BOOST_TEST(after.interfaces == before.interfaces, per_element());
    BOOST_TEST(directory.files() == 2u);
}

// Each section has one interface: that there are several is seen when packets are written.
BOOST_AUTO_TEST_CASE(a_second_interface_may_come_late) {
    const Directory directory;
    Blocks file;
    file.section().interface(1, 96).packet(Bytes(6, 1), 7).packet(Bytes(0, 0), 8);
    file.section(append_be).interface(101).packet(Bytes(7, 0x45), 9);
    copied(directory, file.bytes);
    const Seen before = read_all(directory / "in"), after = read_all(directory / "out");
    BOOST_TEST(after.error == "");
    BOOST_TEST((after.packets == before.packets));
    BOOST_TEST(after.timestamps == before.timestamps, per_element());
    BOOST_TEST(after.interfaces == (std::vector<uint32_t>{0, 0, 1}), per_element());
    // Behind the last packet.
    file.section().interface();
    BOOST_TEST(copied(directory, file.bytes)[0] == 0x0a);
    // Without any packet.
    BOOST_TEST(copied(directory, Blocks().section().interface(101).interface(113).bytes)[0] ==
               0x0a);
    BOOST_TEST(read_all(directory / "out").error == "");
}

BOOST_AUTO_TEST_CASE(a_pipe_cannot_become_pcapng) {
    const Directory directory;
    Blocks file;
    file.section().interface().packet(Bytes(6, 1)).section().interface(101);
    BOOST_REQUIRE(write_file(directory / "in", file.bytes));
    const auto done = copy(directory / "in", "/dev/null");
    BOOST_REQUIRE(!done);
    BOOST_TEST(int(done.error().status) == int(Status::refused));
    BOOST_TEST(render(done.error().diagnostics).contains("that needs pcapng"));
}

BOOST_AUTO_TEST_CASE(without_commit_nothing_is_left) {
    const Directory directory;
    {
        auto writer = CaptureWriter::create(directory / "out");
        BOOST_REQUIRE(writer);
    }
    BOOST_TEST(directory.files() == 0u);
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_written_are_refused) {
    const Directory directory;
    const auto missing = CaptureWriter::create(directory / "no/out");
    BOOST_REQUIRE(!missing);
    BOOST_TEST(int(missing.error().status) == int(Status::refused));
    BOOST_TEST(!CaptureWriter::create("/tmp"));
    auto full = CaptureWriter::create("/dev/full");
    BOOST_REQUIRE(full);
    const auto result = full->commit(1, 1);
    BOOST_REQUIRE(!result);
    BOOST_TEST(render(result.error().diagnostics) ==
               "/dev/full: error: cannot write: No space left on device\n");
}

BOOST_AUTO_TEST_CASE(a_link_is_followed_and_permissions_stay) {
    const Directory directory;
    BOOST_REQUIRE(write_file(directory / "real", Bytes(1)));
    fs::permissions(directory / "real", fs::perms::owner_read | fs::perms::owner_write);
    fs::create_symlink(directory / "real", directory / "link");
    auto writer = CaptureWriter::create(directory / "link");
    BOOST_REQUIRE(writer);
    BOOST_REQUIRE(writer->commit(1, 1));
    BOOST_TEST(fs::is_symlink(directory / "link"));
    BOOST_TEST(fs::file_size(directory / "real") == 24u);
    BOOST_TEST((fs::status(directory / "real").permissions() ==
                (fs::perms::owner_read | fs::perms::owner_write)));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
