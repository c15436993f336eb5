#include "loader/verbs/flow_key.h"

#include <boost/test/unit_test.hpp>
#include <random>

BOOST_AUTO_TEST_SUITE(flow_key_test)

using namespace vfm;

namespace {

using Kinds = std::vector<KeyKind>;
using Words = std::vector<uint64_t>;

Words parsed_words(const Kinds& kinds, const std::string& text) {
    const auto key = parse_flow_key(kinds, text);
    BOOST_TEST_REQUIRE(key.has_value(), text);
    const auto all = key->all();
    return {all.begin(), all.end()};
}

/// What it says, or nothing.
std::string fault(const Kinds& kinds, const std::string& text) {
    const auto key = parse_flow_key(kinds, text);
    if (key) return {};
    BOOST_TEST((key.error().status == Status::usage));
    const Diagnostic& diagnostic = key.error().diagnostics.front();
    return std::to_string(diagnostic.span.begin) + "-" + std::to_string(diagnostic.span.end) +
           ": " + diagnostic.message;
}

constexpr uint64_t kMapped = 0xffff00000000;

}  // namespace

BOOST_AUTO_TEST_CASE(elements_of_every_kind) {
    BOOST_TEST((parsed_words({KeyKind::ipv4}, "10.0.0.1") == Words{0x0a000001}));
    BOOST_TEST((parsed_words({KeyKind::u64}, "18446744073709551615") == Words{UINT64_MAX}));
    BOOST_TEST((parsed_words({KeyKind::hash}, "0x00000000000000ff") == Words{255}));
    BOOST_TEST((parsed_words({KeyKind::mac}, "02:00:00:00:00:0a") == Words{0x02000000000a}));
    BOOST_TEST((parsed_words({KeyKind::ipv6}, "2001:db8::1") == Words{0x20010db800000000, 1}));
    BOOST_TEST((parsed_words({KeyKind::ip, KeyKind::port}, "10.0.0.1,443") ==
                Words{0, kMapped | 0x0a000001, 443}));
    BOOST_TEST((parsed_words({KeyKind::ip}, "::ffff:10.0.0.1") == Words{0, kMapped | 0x0a000001}));
}

BOOST_AUTO_TEST_CASE(a_connection_in_both_directions) {
    const Words expected = {0, kMapped | 0x0a000001, 443, 0, kMapped | 0x0a000002, 50000, 6};
    BOOST_TEST((parsed_words({KeyKind::conn}, "10.0.0.1,443,10.0.0.2,50000,6") == expected));
    BOOST_TEST((parsed_words({KeyKind::conn}, "10.0.0.2,50000,10.0.0.1,443,6") == expected));
    BOOST_TEST((parsed_words({KeyKind::conn}, "10.0.0.1,9,10.0.0.1,8,17") ==
                Words{0, kMapped | 0x0a000001, 8, 0, kMapped | 0x0a000001, 9, 17}));
}

BOOST_AUTO_TEST_CASE(what_flows_prints_is_read_back) {
    std::mt19937_64 random(7);
    const std::vector<KeyKind> all = {KeyKind::u64,   KeyKind::ipv4, KeyKind::ipv6, KeyKind::port,
                                      KeyKind::proto, KeyKind::hash, KeyKind::mac,  KeyKind::ip};
    for (int round = 0; round < 20'000; ++round) {
        const Kinds kinds = {all[random() % all.size()], all[random() % all.size()]};
        const unsigned words = key_kind_words(kinds[0]) + key_kind_words(kinds[1]);
        Words key;
        for (unsigned i = 0; i < words; ++i) key.push_back(random() >> random() % 64);
        if (random() % 2 == 0) key[0] = 0, key[1] = kMapped | (key[1] & UINT32_MAX);
        const std::string text = key_text(kinds, key);
        BOOST_TEST_REQUIRE((parsed_words(kinds, text) == key), key_kinds_text(kinds)
                                                                   << " " << text);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_key_is_told_where) {
    const Kinds two = {KeyKind::ip, KeyKind::port};
    BOOST_TEST(fault(two, "10.0.0.1") == "0-8: the key has 1 element, the table's keys have 2");
    BOOST_TEST(fault(two, "10.0.0.1,2,3") ==
               "0-12: the key has 3 elements, the table's keys have 2");
    BOOST_TEST(fault(two, "10.0.0.1,http") == "9-13: expected a port, got 'http'");
    BOOST_TEST(fault(two, "10.0.0.1,") == "9-9: expected a port, got ''");
    BOOST_TEST(fault(two, "10.0.0.1,1.2.3.4") == "9-16: expected a port, got '1.2.3.4'");
    BOOST_TEST(fault(two, "5,443") == "0-1: expected an IPv4 or IPv6 address, got '5'");
    BOOST_TEST(fault(two, "10.0.0.0/8,443") ==
               "0-10: expected an IPv4 or IPv6 address, got '10.0.0.0/8'");
    BOOST_TEST(fault({KeyKind::ipv6}, "10.0.0.1") ==
               "0-8: expected an IPv6 address, got '10.0.0.1'");
    BOOST_TEST(fault({KeyKind::ipv4}, "2001:db8::1") ==
               "0-11: expected an IPv4 address, got '2001:db8::1'");
    BOOST_TEST(fault({KeyKind::u64}, "10s") == "0-3: expected a number, got '10s'");
    BOOST_TEST(fault({KeyKind::u64}, "-1") == "0-2: expected a number, got '-1'");
    BOOST_TEST(fault({KeyKind::u64}, "") == "0-0: expected a number, got ''");
    BOOST_TEST(fault({KeyKind::conn}, "10.0.0.1,1,10.0.0.2,2") ==
               "0-21: the key has 4 elements, the table's keys have 5");
}

BOOST_AUTO_TEST_SUITE_END()
