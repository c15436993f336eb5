// pcapng files: sections, interfaces and their clocks, blocks of all sorts, broken ones.
#include "tests/unit/io/capture_files.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(pcapng_test)

namespace {

using boost::test_tools::per_element;

BOOST_AUTO_TEST_CASE(sections_of_either_byte_order_have_their_own_interfaces) {
    const Directory directory;
    Blocks file;
    file.section(append_le).interface(1, 0, 9).packet(Bytes(6, 1), 5'000'000'007);
    file.section(append_be).interface().interface(1, 0, 3).packet(Bytes(7, 2), 5'001, 1);
    file.packet(Bytes(8, 3), 1'000'002);
    const Seen seen = read_bytes(directory, file.bytes);
    BOOST_TEST(seen.error == "");
    BOOST_TEST(seen.lengths == (std::vector<size_t>{6, 7, 8}), per_element());
    BOOST_TEST(seen.original == (std::vector<uint32_t>{9, 10, 11}), per_element());
    BOOST_TEST(seen.interfaces == (std::vector<uint32_t>{0, 2, 1}), per_element());
    BOOST_TEST(
        seen.timestamps == (std::vector<uint64_t>{5'000'000'007, 5'001'000'000, 1'000'002'000}),
        per_element());
}

BOOST_AUTO_TEST_CASE(every_kind_of_packet_block) {
    const Directory directory;
    for (const Append append : {Append(append_le), Append(append_be)}) {
        Blocks file(append);
        file.section().interface(1, 4).interface(1, 0, 9);
        file.old_packet(Bytes(5, 1), 7, 1).simple_packet(Bytes(4, 2), 1500);
        file.simple_packet(Bytes(3, 3), 3).packet(Bytes(9, 4), 8);
        const Seen seen = read_bytes(directory, file.bytes);
        BOOST_TEST(seen.error == "");
        BOOST_TEST(seen.lengths == (std::vector<size_t>{5, 4, 3, 9}), per_element());
        BOOST_TEST(seen.original == (std::vector<uint32_t>{8, 1500, 3, 12}), per_element());
        BOOST_TEST(seen.timestamps == (std::vector<uint64_t>{7, 0, 0, 8'000}), per_element());
        BOOST_TEST(seen.interfaces == (std::vector<uint32_t>{1, 0, 0, 0}), per_element());
    }
}

BOOST_AUTO_TEST_CASE(other_blocks_are_passed_over_whatever_their_size) {
    const Directory directory;
    Blocks file;
    file.section().block(0x0bad, Bytes(40 << 20)).interface().block(4, {}).packet(Bytes(6, 1));
    file.block(0x80000001, Bytes(8));
    const Seen seen = read_bytes(directory, file.bytes);
    BOOST_TEST(seen.error == "");
    BOOST_TEST(seen.lengths == std::vector<size_t>{6}, per_element());
}

BOOST_AUTO_TEST_CASE(large_packets_and_many_interfaces) {
    const Directory directory;
    Blocks file;
    file.section();
    for (unsigned i = 0; i < 65535; ++i) file.interface(1, 0, 9);
    file.packet(Bytes(300'000, 1), 1, 65534).old_packet(Bytes(1, 1), 2, 65534);
    const Seen seen = read_bytes(directory, file.bytes);
    BOOST_TEST(seen.error == "");
    BOOST_TEST(seen.lengths == (std::vector<size_t>{300'000, 1}), per_element());
    BOOST_TEST(seen.interfaces == (std::vector<uint32_t>{65534, 65534}), per_element());
}

BOOST_AUTO_TEST_CASE(each_packet_has_the_link_type_of_its_interface) {
    const Directory directory;
    Blocks file;
    file.section().interface(1).interface(101).interface(105);
    file.packet(Bytes(20, 0x45), 0, 1).packet(Bytes(20, 1), 0, 0).packet(Bytes(20, 0x60), 0, 1);
    Seen seen = read_bytes(directory, file.bytes);
    BOOST_TEST(seen.error == "");
    BOOST_TEST(seen.lengths == (std::vector<size_t>{34, 20, 34}), per_element());
    BOOST_TEST(seen.notes == directory / "in" +
                                 ": note: packets of link type RAW (101) are read as Ethernet: "
                                 "with a header of zero addresses and the EtherType that their own "
                                 "header states\n");
    const size_t offset = file.bytes.size();
    file.packet(Bytes(20, 1), 0, 2);
    seen = read_bytes(directory, file.bytes);
    BOOST_TEST(seen.lengths.size() == 3u);
    BOOST_TEST(seen.error.contains(fmt::format(
        ":+{:#x}: error: packet 4: interface 2: link type IEEE802_11 (105) is not read; "
        "packets read before it: 3\n",
        offset)));
}

BOOST_AUTO_TEST_CASE(a_cut_pcapng_gives_what_was_whole) {
    const Directory directory;
    Blocks file;
    std::vector<size_t> ends;
    const auto mark = [&] { ends.push_back(file.bytes.size()); };
    file.section();
    mark();
    file.interface();
    mark();
    file.packet(Bytes(10, 1));
    mark();
    file.block(5, Bytes(9));
    mark();
    file.section(append_be);
    mark();
    file.interface();
    mark();
    file.packet(Bytes(11, 1));
    mark();
    for (size_t size = ends[0]; size <= file.bytes.size(); ++size) {
        const Seen seen = read_bytes(
            directory, Bytes(file.bytes.begin(), file.bytes.begin() + static_cast<long>(size)));
        BOOST_REQUIRE_EQUAL(seen.lengths.size(), (size >= ends[2]) + (size >= ends[6]));
        const bool between = std::ranges::find(ends, size) != ends.end();
        BOOST_REQUIRE_EQUAL(seen.error.empty(), between);
        if (between) continue;
        const size_t begin = *std::prev(std::ranges::upper_bound(ends, size));
        BOOST_REQUIRE(seen.error.contains(
            fmt::format("in:+{:#x}: error: packet {}: cut off: ", begin, seen.lengths.size() + 1)));
    }
}

/// A file with one interface and a block in which `change` has made something wrong.
std::string error_of(const Directory& directory, void (*change)(Bytes& block)) {
    Blocks file, wrong;
    file.section().interface().packet(Bytes(8, 1));
    wrong.packet(Bytes(8, 1));
    change(wrong.bytes);
    file.bytes.insert(file.bytes.end(), wrong.bytes.begin(), wrong.bytes.end());
    const Seen seen = read_bytes(directory, file.bytes);
    BOOST_TEST(seen.lengths.size() == 1u);
    const std::string begin = directory / "in" + ":+0x5c: error: packet 2: ";
    BOOST_TEST(seen.error.starts_with(begin));
    return seen.error.substr(std::min(begin.size(), seen.error.size()));
}

void put_le(Bytes& bytes, size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
}

BOOST_AUTO_TEST_CASE(hostile_blocks) {
    const Directory directory;
    constexpr auto kEnd = "; packets read before it: 1\n";
    BOOST_TEST(error_of(directory, [](Bytes& b) { put_le(b, 4, 8); }) ==
               std::string("a block claims 8 bytes, expected a multiple of 4 that is not below "
                           "12") +
                   kEnd);
    BOOST_TEST(error_of(directory, [](Bytes& b) {
                   put_le(b, 4, 41);
               }).starts_with("a block claims 41 bytes"));
    BOOST_TEST(error_of(directory, [](Bytes& b) {
                   put_le(b, 4, 0xfffffffc);
               }).starts_with("a block claims 4294967292 bytes, which is more than"));
    BOOST_TEST(error_of(directory, [](Bytes& b) { put_le(b, b.size() - 4, 36); }) ==
               std::string("a block has 40 bytes by its begin, 36 by its end") + kEnd);
    BOOST_TEST(error_of(directory, [](Bytes& b) { put_le(b, 8, 1); }) ==
               std::string("a packet is of interface 1, but the section has 1") + kEnd);
    BOOST_TEST(error_of(directory, [](Bytes& b) { put_le(b, 20, 9); }) ==
               std::string("captured length 9 is more than the 8 bytes of its block") + kEnd);
    BOOST_TEST(error_of(directory, [](Bytes& b) {
                   put_le(b, 20, 0xffffffff);
               }).starts_with("captured length 4294967295 is more than"));
    BOOST_TEST(error_of(directory, [](Bytes& b) {
                   b = Blocks().block(6, Bytes(16)).bytes;
               }).starts_with("a packet block is too short"));
    BOOST_TEST(error_of(directory, [](Bytes& b) {
                   b = Blocks().block(1, Bytes(4)).bytes;
               }).starts_with("an interface description is too short"));
    BOOST_TEST(error_of(directory, [](Bytes& b) {
                   b = Blocks().block(1, {1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 5, 0}).bytes;
               }).starts_with("an option ends behind its interface description"));
    BOOST_TEST(error_of(directory, [](Bytes& b) {
                   b = Blocks().section().bytes;
                   b[12] = 2;
               }).starts_with("pcapng version 2.0 is not read"));
    // A block that is passed over ends the file.
    BOOST_TEST(error_of(directory, [](Bytes& b) {
                   put_le(b, 0, 99);
                   put_le(b, 4, 0xfffffffc);
               }).starts_with("cut off: 40 of 4294967292 bytes of a block are there"));
}

BOOST_AUTO_TEST_CASE(a_section_without_its_byte_order) {
    const Directory directory;
    Bytes bytes = Blocks().section().bytes;
    bytes[8] = 0;
    BOOST_TEST(read_bytes(directory, bytes)
                   .error.contains(":+0x8: error: a section header has 00 3c 2b 1a where its byte "
                                   "order should stand"));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
