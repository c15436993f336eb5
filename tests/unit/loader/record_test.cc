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
            .priority = 65535,
            .attached_at = "2030-01-31T23:59:59Z",
            .source_name = "web.vfl",
            .source = "(< (count-by src-ip) 100)\n",
            .stats_map = "vfm_stats",
            .tables = {{"src-ip", {KeyKind::ipv4}, 65536, "table-src-ip", false},
                       {"(& src-ip 4294967040)", {KeyKind::u64}, 1, "table-t1", true},
                       {"pairs", {KeyKind::ip, KeyKind::port}, 10, "table-pairs", false}},
            .counters = {"rules-rules", "", "rules-more"},
            .program = {4, 1, 0, 0, 0, 0, 0, 0, 0, 22},
            .program_size = 10};
}

/// Of two filters, the second without a program.
Generation two() {
    Record second = sample();
    second.name = "second";
    second.priority = 0;
    second.program.clear();
    second.program_size = 0;
    second.before = {
        .stats = {9, 900, 1},
        .counts = {{1, 60}, {0, 0}, {2, 120}},
        .maps = {.stats = "before-vfm_stats", .groups = {"before-vfm_stats", ""}, .sizes = {2, 3}},
        .becomes = {3, 0, 1, 2, 0}};
    second.previous = PreviousFilter{.source_name = "old.vfl",
                                     .priority = 3,
                                     .drop_on_error = true,
                                     .program = {1, 2, 3},
                                     .program_size = 3};
    return {.program_id = 12, .filters = {sample(), second}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(comes_back_as_it_went) {
    const auto back = parse_generation(generation_bytes(two()));
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == two()));
}

BOOST_AUTO_TEST_CASE(modules_may_be_left) {
    const auto back = parse_generation(generation_bytes(two()), Programs::leave);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST(back->filters[0].program.empty());
    BOOST_TEST(back->filters[0].program_size == 10u);
}

BOOST_AUTO_TEST_CASE(padding_behind_it_does_no_harm) {
    Bytes bytes = generation_bytes(two());
    bytes.resize(bytes.size() + 4096);
    const auto back = parse_generation(bytes);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == two()));
}

BOOST_AUTO_TEST_CASE(texts_may_hold_anything) {
    Generation odd = two();
    odd.filters[0].source = std::string("\xff\xfe(= 1 1)\0x", 11);
    odd.filters[0].name = "\"%\x1b";
    const auto back = parse_generation(generation_bytes(odd));
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == odd));
}

BOOST_AUTO_TEST_CASE(cut_off_anywhere_is_refused) {
    const Bytes bytes = generation_bytes(two());
    for (size_t size = 0; size < bytes.size(); ++size) {
        const auto back = parse_generation(ByteView(bytes).first(size));
        BOOST_TEST(!back.has_value(), size);
        if (!back) BOOST_TEST((back.error().status == Status::refused));
    }
}

BOOST_AUTO_TEST_CASE(any_wrong_byte_is_survived) {
    const Bytes bytes = generation_bytes(two());
    size_t refused = 0;
    for (size_t at = 0; at < bytes.size(); ++at)
        for (const int flip : {0x01, 0x20, 0x80, 0xff}) {
            Bytes broken = bytes;
            broken[at] = static_cast<uint8_t>(broken[at] ^ flip);
            if (!parse_generation(broken)) ++refused;
        }
    BOOST_TEST(refused > 100u);
}

BOOST_AUTO_TEST_CASE(unknown_words_are_refused) {
    for (const auto& [word, other] : {std::pair("tc-egress", "tc-egresz"), std::pair("skb", "ska"),
                                      std::pair("ipv4", "ipv9"), std::pair("pairs", "pair/")}) {
        const Bytes bytes = generation_bytes(two());
        std::string text(bytes.begin(), bytes.end());
        const size_t at = text.rfind(word);
        BOOST_REQUIRE(at != text.npos);
        text.replace(at, std::string_view(word).size(), other);
        BOOST_TEST(!parse_generation(as_bytes(text)).has_value(), word);
    }
}

// It may stand in a path.
BOOST_AUTO_TEST_CASE(pins_of_elsewhere_are_refused) {
    Generation forged = two();
    forged.filters[1].stats_map = "../../other/maps/vfm_stats";
    BOOST_TEST(!parse_generation(generation_bytes(forged)).has_value());
    forged = two();
    forged.filters[0].counters[0] = "a/b";
    BOOST_TEST(!parse_generation(generation_bytes(forged)).has_value());
}

BOOST_AUTO_TEST_CASE(of_a_served_filter) {
    Generation one = two();
    one.filters.pop_back();
    Record& record = one.filters[0];
    record.hook = HookPoint::xdp;
    record.mode = Mode::userspace;
    record.engine = "jit";
    record.messages = "/run/vfm/1-7-xdp-\"odd\"%.log";
    record.hand_over = "native";
    const auto back = parse_generation(generation_bytes(one));
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == one));
}

BOOST_AUTO_TEST_SUITE_END()
