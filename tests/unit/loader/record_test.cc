#include "loader/record.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(record_test)

using namespace vfm;

namespace {

Record sample() {
    return {.name = "web",
            .interface = "eth0.100",
            .ifindex = 7,
            .network_namespace = 4026531840,
            .hook = HookPoint::tc_egress,
            .mode = Mode::skb,
            .engine = "kernel",
            .messages = {},
            .hand_over = {},
            .drop_on_error = true,
            .attached_at = "2030-01-31T23:59:59Z",
            .source_name = "web.vfl",
            .source = "(< (count-by src-ip) 100)\n",
            .stats_map = "vfm_stats",
            .tables = {{"src-ip", {KeyKind::ipv4}, 65536, "src_ip"},
                       {"(& src-ip 4294967040)", {KeyKind::u64}, 1, "t1"},
                       {"pairs", {KeyKind::ip, KeyKind::port}, 10, "pairs"}},
            .counters = {"rules", "", "rules_2"},
            .program = {4, 1, 0, 0, 0, 0, 0, 0, 0, 22}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(comes_back_as_it_went) {
    const Record record = sample();
    const auto back = parse_record(record_bytes(record));
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == record));
}

BOOST_AUTO_TEST_CASE(padding_behind_it_does_no_harm) {
    Bytes bytes = record_bytes(sample());
    bytes.resize(bytes.size() + 4096);
    const auto back = parse_record(bytes);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == sample()));
}

BOOST_AUTO_TEST_CASE(source_that_is_no_text_is_kept_readable) {
    Record record = sample();
    record.source = "\xff\xfe(= 1 1)";
    const auto back = parse_record(record_bytes(record));
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST(back->source.ends_with("(= 1 1)"));
}

BOOST_AUTO_TEST_CASE(cut_off_anywhere_is_refused) {
    const Bytes bytes = record_bytes(sample());
    for (size_t size = 0; size < bytes.size(); ++size) {
        const auto back = parse_record(ByteView(bytes).first(size));
        BOOST_TEST(!back.has_value(), size);
        if (!back) BOOST_TEST((back.error().status == Status::refused));
    }
}

BOOST_AUTO_TEST_CASE(any_wrong_byte_is_survived) {
    const Bytes bytes = record_bytes(sample());
    size_t refused = 0;
    for (size_t at = 0; at < bytes.size(); ++at)
        for (const int flip : {0x01, 0x20, 0x80, 0xff}) {
            Bytes broken = bytes;
            broken[at] = static_cast<uint8_t>(broken[at] ^ flip);
            if (!parse_record(broken)) ++refused;
        }
    BOOST_TEST(refused > 100u);
}

BOOST_AUTO_TEST_CASE(unknown_words_are_refused) {
    for (const auto& [word, other] : {std::pair("tc-egress", "tc-nowhere"),
                                      std::pair("\"skb\"", "\"ska\""), std::pair("ipv4", "ipv9")}) {
        const Bytes bytes = record_bytes(sample());
        std::string text(bytes.begin(), bytes.end());
        const size_t at = text.find(word);
        BOOST_REQUIRE(at != text.npos);
        const size_t before = text.size();
        text.replace(at, std::string_view(word).size(), other);
        const size_t grown = text.size() - before;
        text[4] = static_cast<char>(static_cast<unsigned char>(text[4]) + grown);
        BOOST_TEST(!parse_record(as_bytes(text)).has_value(), word);
    }
}

BOOST_AUTO_TEST_CASE(of_a_served_filter) {
    Record record = sample();
    record.hook = HookPoint::xdp;
    record.mode = Mode::userspace;
    record.engine = "jit";
    record.messages = "/run/vfm/1-7-xdp-\"odd\"%.log";
    record.hand_over = "native";
    const auto back = parse_record(record_bytes(record));
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == record));
}

BOOST_AUTO_TEST_CASE(one_of_before_has_no_server) {
    const Bytes bytes = record_bytes(sample());
    std::string text(bytes.begin(), bytes.end());
    size_t cut = 0;
    for (const std::string field :
         {"\"engine\":\"kernel\",", "\"messages\":\"\",", "\"hand_over\":\"\","}) {
        const size_t at = text.find(field);
        BOOST_REQUIRE(at != text.npos);
        text.erase(at, field.size());
        cut += field.size();
    }
    const uint32_t size = load_le<uint32_t>(bytes.data() + 4) - static_cast<uint32_t>(cut);
    for (size_t i = 0; i < 4; ++i) text[4 + i] = static_cast<char>(size >> (8 * i));
    const auto back = parse_record(as_bytes(text));
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == sample()));
}

BOOST_AUTO_TEST_SUITE_END()
