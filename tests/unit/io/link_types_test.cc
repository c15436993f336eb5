// Every row of the table of link types: which EtherType a packet states, and which states none.
#include "userspace/io/link_types.h"

#include <pcap/pcap.h>

#include <map>

#include "tests/unit/io/capture_files.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(link_types_test)

namespace {

using boost::test_tools::per_element;

constexpr int kNone = -1;

struct Row {
    uint16_t link_type;
    Bytes header;
    int ethertype;           // or kNone
    size_t size = SIZE_MAX;  // of the header, if not all of it
};

Bytes cooked1(uint16_t hardware, uint16_t protocol) {
    Bytes out(16, 0xaa);
    out[2] = static_cast<uint8_t>(hardware >> 8), out[3] = static_cast<uint8_t>(hardware);
    out[14] = static_cast<uint8_t>(protocol >> 8), out[15] = static_cast<uint8_t>(protocol);
    return out;
}
Bytes cooked2(uint16_t hardware, uint16_t protocol) {
    Bytes out(20, 0xaa);
    out[0] = static_cast<uint8_t>(protocol >> 8), out[1] = static_cast<uint8_t>(protocol);
    out[8] = static_cast<uint8_t>(hardware >> 8), out[9] = static_cast<uint8_t>(hardware);
    return out;
}

const Row kRows[] = {
    {113, cooked1(1, 0x0800), 0x0800},
    {113, cooked1(1, 0x8100), 0x8100},
    {113, cooked1(772, 0x86dd), 0x86dd},
    {113, cooked1(1, 0x0600), 0x0600},
    {113, cooked1(1, 0x05ff), kNone},
    {113, cooked1(1, 4), kNone},
    {113, cooked1(824, 0x0800), kNone},
    {113, cooked1(803, 0x0800), kNone},
    {113, cooked1(770, 0x0800), kNone},
    {113, Bytes(15, 8), kNone},
    {276, cooked2(1, 0x0800), 0x0800},
    {276, cooked2(65534, 0x86dd), 0x86dd},
    {276, cooked2(1, 3), kNone},
    {276, cooked2(824, 0x0800), kNone},
    {276, Bytes(19, 8), kNone},
    {12, {0x45}, 0x0800, 0},
    {14, {0x60}, 0x86dd, 0},
    {101, {0x4f}, 0x0800, 0},
    {101, {0x6f}, 0x86dd, 0},
    {101, {0x50}, kNone},
    {101, {}, kNone},
    {228, {0x60}, 0x0800, 0},
    {228, {}, 0x0800, 0},
    {229, {0x45}, 0x86dd, 0},
    {0, {2, 0, 0, 0}, 0x0800},
    {0, {0, 0, 0, 2}, 0x0800},
    {0, {10, 0, 0, 0}, 0x86dd},
    {0, {0, 0, 0, 24}, 0x86dd},
    {0, {28, 0, 0, 0}, 0x86dd},
    {0, {30, 0, 0, 0}, 0x86dd},
    {0, {0, 0, 0, 30}, 0x86dd},
    {0, {7, 0, 0, 0}, kNone},
    {0, {2, 0, 0, 1}, kNone},
    {0, {2, 0, 0}, kNone},
    {108, {0, 0, 0, 2}, 0x0800},
    {108, {24, 0, 0, 0}, 0x86dd},
    {108, {0, 0, 0, 16}, kNone},
    {9, {0xff, 0x03, 0x00, 0x21}, 0x0800},
    {9, {0x00, 0x21}, 0x0800},
    {9, {0x21}, 0x0800},
    {9, {0xff, 0x03, 0x57}, 0x86dd},
    {9, {0x00, 0x57}, 0x86dd},
    {9, {0x02, 0x81}, 0x8847},
    {9, {0x02, 0x83}, 0x8848},
    {9, {0xff, 0x03, 0xc0, 0x21}, kNone},
    {9, {0xff, 0x04, 0x00, 0x21}, kNone},
    {9, {0xff, 0x03}, kNone},
    {9, {0xff, 0x03, 0x00}, kNone},
    {9, {0x00}, kNone},
    {9, {}, kNone},
};

BOOST_AUTO_TEST_CASE(what_each_header_states) {
    const Directory directory;
    const Bytes payload = {0xde, 0xad, 0xbe};
    for (const Row& row : kRows) {
        BOOST_TEST_CONTEXT(row.link_type << " " << hex(row.header)) {
            Bytes packet = row.header;
            // Not behind a header that is cut off.
            const bool cut = row.ethertype == kNone;
            if (!cut) packet.insert(packet.end(), payload.begin(), payload.end());
            const Seen seen = read_bytes(directory, pcap_of(row.link_type, packet));
            BOOST_TEST(seen.error == "");
            BOOST_REQUIRE_EQUAL(seen.packets.size(), 1u);
            BOOST_TEST(seen.readable[0] == !cut);
            Bytes expected = packet;
            if (!cut) {
                expected = Bytes(12);
                append_be(expected, static_cast<uint64_t>(row.ethertype), 2);
                const size_t size = std::min(row.size, row.header.size());
                expected.insert(expected.end(), packet.begin() + static_cast<long>(size),
                                packet.end());
            }
            BOOST_TEST(seen.packets[0] == expected, per_element());
            BOOST_TEST(seen.notes.contains(" are read as Ethernet: "));
        }
    }
}

BOOST_AUTO_TEST_CASE(bits_above_the_sixteenth_are_ignored) {
    const Directory directory;
    BOOST_TEST(
        read_bytes(directory, pcap_of(0xf4000001, Bytes(20, 1))).lengths == std::vector<size_t>{20},
        per_element());
    BOOST_TEST(read_bytes(directory, pcap_of(0x00010000 | 228, Bytes(20, 1))).lengths ==
                   std::vector<size_t>{34},
               per_element());
}

BOOST_AUTO_TEST_CASE(the_cut_to_what_filters_see_comes_after) {
    const Directory directory;
    const Seen seen = read_bytes(directory, pcap_of(228, Bytes(70'000, 7)));
    BOOST_TEST(seen.lengths == std::vector<size_t>{65'535}, per_element());
    BOOST_TEST(int(seen.packets[0].back()) == 7);
}

BOOST_AUTO_TEST_CASE(unknown_ones_are_named_by_number_and_name) {
    const Directory directory;
    constexpr auto kHint =
        "hint: Ethernet, LINUX_SLL, LINUX_SLL2, RAW, IPV4, IPV6, NULL, LOOP and PPP are read\n";
    BOOST_TEST(read_bytes(directory, pcap_of(105, {})).error ==
               directory / "in" + ": error: link type IEEE802_11 (105) is not read\n" + kHint);
    BOOST_TEST(read_bytes(directory, pcap_of(65000, {})).error ==
               directory / "in" + ": error: link type 65000 is not read\n" + kHint);
    BOOST_TEST(link_type_text(1) == "EN10MB (1)");
}

BOOST_AUTO_TEST_CASE(names_are_those_of_libpcap) {
    constexpr int kLast = 289;  // newer ones have more
    for (int number = 0; number <= kLast; ++number) {
        if (number == 14 || number == 101) continue;  // of BSD's files, and of all others: RAW
        // libpcap names its own numbers, which differ from those of files where systems differ.
        const std::map<int, int> own = {{100, 11}, {102, 15}, {103, 16}, {106, 19}};
        const char* name =
            pcap_datalink_val_to_name(own.contains(number) ? own.at(number) : number);
        const std::string expected =
            name ? std::string(name) + " (" + std::to_string(number) + ")" : std::to_string(number);
        BOOST_TEST(link_type_text(static_cast<uint16_t>(number)) == expected);
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
