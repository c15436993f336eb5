// How frames go to user space, as a matter of facts; needs no kernel.
#include "loader/serve/hand_over_way.h"

#include <boost/test/unit_test.hpp>
#include <string>

BOOST_AUTO_TEST_SUITE(hand_over_way_test)

using namespace vfm;

namespace {

constexpr HandOverOptions kAutomatic, kNative{Mode::native, false}, kGeneric{Mode::skb, false};

HandOverFacts plain() {
    HandOverFacts facts;
    facts.interface = "eth0";
    facts.driver_tells_tags = false;
    return facts;
}

HandOverFacts with_tags(bool driver_tells) {
    HandOverFacts facts = plain();
    facts.tags = TagTaker{.certain = true,
                          .message = "the receive offload takes VLAN tags",
                          .remedy = "ethtool -K eth0 rxvlan off"};
    facts.driver_tells_tags = driver_tells;
    return facts;
}

HandOverFacts with_datagrams() {
    HandOverFacts facts = plain();
    facts.joiners = {{"the other end may send several UDP datagrams in one frame",
                      "ethtool -K v1 tso off tx-udp-segmentation off"}};
    return facts;
}

/// "native+tags skb", or "refused: " and the hints.
std::string ways(const HandOverFacts& facts, HandOverOptions options, bool force = false) {
    options.force = force;
    const auto plan = plan_hand_over(facts, options);
    std::string text;
    if (!plan) {
        BOOST_TEST((plan.error().status == Status::refused));
        text = "refused:";
        for (const Diagnostic& diagnostic : plan.error().diagnostics) {
            BOOST_TEST((diagnostic.severity == Severity::error));
            text += " " + diagnostic.hint + ".";
        }
        return text;
    }
    for (const HandOverWay& way : plan->ways) {
        text += text.empty() ? "" : " ";
        text += way.mode == Mode::native ? "native" : "skb";
        if (way.ask_for_tags) text += "+tags";
        for (const Diagnostic& warning : way.warnings) {
            BOOST_TEST((warning.severity == Severity::warning));
            text += "!";
        }
    }
    return text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(native_first) {
    BOOST_TEST(ways(plain(), kAutomatic) == "native skb");
    BOOST_TEST(ways(plain(), kNative) == "native");
    BOOST_TEST(ways(plain(), kGeneric) == "skb");
}

BOOST_AUTO_TEST_CASE(tags_are_asked_for_where_the_driver_tells) {
    BOOST_TEST(ways(with_tags(true), kAutomatic) == "native+tags");
    BOOST_TEST(ways(with_tags(true), kNative) == "native+tags");
    BOOST_TEST(ways(with_tags(true), kAutomatic, true) == "native+tags skb!");
}

BOOST_AUTO_TEST_CASE(tags_that_would_be_lost) {
    const std::string refused =
        "refused: ethtool -K eth0 rxvlan off; --force attaches all the same.";
    BOOST_TEST(ways(with_tags(true), kGeneric) == refused);
    BOOST_TEST(ways(with_tags(false), kNative) == refused);
    BOOST_TEST(ways(with_tags(false), kGeneric) == refused);
    BOOST_TEST(ways(with_tags(false), kAutomatic, true) == "native! skb!");
    BOOST_TEST(ways(with_tags(true), kGeneric, true) == "skb!");
    HandOverFacts facts = with_tags(false);
    facts.tags->certain = false;
    const auto plan = plan_hand_over(facts, kNative);
    BOOST_REQUIRE(!plan);
    BOOST_TEST(plan.error().diagnostics[0].message.starts_with("perhaps the receive offload"));
}

BOOST_AUTO_TEST_CASE(one_reason_is_said_once) {
    const auto plan = plan_hand_over(with_tags(false), kAutomatic);
    BOOST_REQUIRE(!plan);
    BOOST_TEST(plan.error().diagnostics.size() == 1);
}

BOOST_AUTO_TEST_CASE(datagrams_that_could_not_be_cut_again) {
    BOOST_TEST(ways(with_datagrams(), kNative) == "native");
    BOOST_TEST(ways(with_datagrams(), kAutomatic) == "native");
    BOOST_TEST(ways(with_datagrams(), kGeneric) ==
               "refused: ethtool -K v1 tso off tx-udp-segmentation off; --force attaches all the "
               "same.");
    BOOST_TEST(ways(with_datagrams(), kAutomatic, true) == "native skb!");
    HandOverFacts facts = plain();
    facts.joins_for_sockets = true;
    BOOST_TEST(ways(facts, kAutomatic) == "native skb!");
}

BOOST_AUTO_TEST_CASE(why_a_way_is_closed_is_kept) {
    const auto plan = plan_hand_over(with_datagrams(), kAutomatic);
    BOOST_REQUIRE(plan.has_value());
    BOOST_REQUIRE(plan->closed.size() == 1);
    BOOST_TEST((plan->closed[0].severity == Severity::note));
    BOOST_TEST(plan->closed[0].message.contains("UDP"));
}

BOOST_AUTO_TEST_CASE(bundles_have_generic_mode_only) {
    for (const char* kind : {"bond", "team"}) {
        HandOverFacts facts = plain();
        facts.kind = kind;
        BOOST_TEST(ways(facts, kAutomatic) == "skb");
        BOOST_TEST(ways(facts, kGeneric) == "skb");
        BOOST_TEST(ways(facts, kNative) == "refused: --hand-over=skb.");
        BOOST_TEST(ways(facts, kNative, true) == "refused: --hand-over=skb.");
    }
}

BOOST_AUTO_TEST_CASE(loopback_is_refused) {
    HandOverFacts facts = plain();
    facts.loopback = true;
    BOOST_TEST(ways(facts, kAutomatic, true).starts_with("refused"));
}

BOOST_AUTO_TEST_CASE(long_frames_want_multi_buffer) {
    HandOverFacts facts = plain();
    facts.multi_buffer = false;
    facts.mtu = 3818;
    const auto plan = plan_hand_over(facts, kAutomatic);
    BOOST_REQUIRE(plan.has_value());
    BOOST_TEST(!plan->ways[0].multi_buffer);
    facts.mtu = 3819;
    BOOST_TEST(ways(facts, kAutomatic) == "refused: `ip link set dev eth0 mtu 3500`.");
    facts.multi_buffer = true;
    BOOST_TEST(ways(facts, kAutomatic) == "native skb");
}

BOOST_AUTO_TEST_SUITE_END()
