// Lines of `set feed`, the times in them, and how they come.
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "core/base/fd.h"
#include "loader/verbs/feed_line.h"
#include "loader/verbs/line_reader.h"
#include "loader/verbs/live_set.h"

BOOST_AUTO_TEST_SUITE(feed_test)

using namespace vfm;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

/// "add VALUE TTL", "del VALUE", "" or "! WHY".
std::string shown(std::string_view text) {
    const ParsedFeedLine parsed = parse_feed_line(text);
    if (!parsed.error.empty()) return "! " + parsed.error;
    if (!parsed.line) return "";
    std::string out = (parsed.line->add ? "add " : "del ") + parsed.line->value;
    if (parsed.line->ttl) out += " " + std::to_string(*parsed.line->ttl);
    return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(lines_as_people_write_them) {
    BOOST_TEST(shown("add 10.0.0.1") == "add 10.0.0.1");
    BOOST_TEST(shown("  add\t10.0.0.0/8  10m \r") == "add 10.0.0.0/8 600000000000");
    BOOST_TEST(shown("add (range 1 5) 2s ; why") == "add (range 1 5) 2000000000");
    BOOST_TEST(shown("del (range 1 5)") == "del (range 1 5)");
    BOOST_TEST(shown("") == "");
    BOOST_TEST(shown(" # nothing") == "");
    BOOST_TEST(shown("frob 1") == "! 'frob' is not one of add, del");
    BOOST_TEST(shown("add") == "! add takes a value");
    BOOST_TEST(shown("add 1 2") == "! '2' is no time such as 30s, 10m or 2h");
    BOOST_TEST(shown("add 1 2s 3").starts_with("! there is more"));
    BOOST_TEST(shown("del 1 2s").starts_with("! there is more"));
}

BOOST_AUTO_TEST_CASE(lines_as_a_bouncer_writes_them) {
    BOOST_TEST(shown(R"({"action":"add","duration":"3h59m58.5s","id":7,"origin":"cscli",)"
                     R"("scenario":"manual","scope":"Ip","type":"ban","value":"1.2.3.4"})") ==
               "add 1.2.3.4 14399000000000");
    BOOST_TEST(
        shown(R"({"action":"del","duration":"-1m","scope":"range","value":"2001:db8::/32"})") ==
        "del 2001:db8::/32");
    BOOST_TEST(shown(R"({"action":"add","value":"1.2.3.4"})") == "add 1.2.3.4");
    BOOST_TEST(
        shown(R"({"action":"add","duration":"-1m","value":"1.2.3.4"})").starts_with("! '-1m'"));
    BOOST_TEST(
        shown(R"({"action":"add","scope":"AS","value":"64512"})").starts_with("! '64512' is no"));
    BOOST_TEST(shown(R"({"action":"add","value":"1.2.3.4\n1.2.3.5"})").starts_with("! '1.2.3.4"));
    BOOST_TEST(shown(R"({"action":1,"value":"1.2.3.4"})").starts_with("! the object"));
    BOOST_TEST(shown(R"({"action":)") == "! it is no JSON object");
}

BOOST_AUTO_TEST_CASE(times) {
    BOOST_TEST(time_span("30s").value() == 30 * kSecond);
    BOOST_TEST(time_span("1h0m3s").value() == 3603 * kSecond);
    BOOST_TEST(time_span("1.5s").value() == 2 * kSecond);  // not sooner
    BOOST_TEST(time_span("250ms").value() == kSecond / 4);
    for (const char* text : {"", "10", "s", "0s", "-1s", "1.5h", "1h2", "1x", "10.0.0.1", "1h 2m",
                             "99999999999999999h", "9223372036854775808ns"})
        BOOST_TEST(!time_span(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(lines_that_came_together_are_given_together) {
    int ends[2];
    BOOST_REQUIRE(pipe(ends) == 0);
    const Fd in(ends[0]);
    Fd out(ends[1]);
    LineReader reader(in.get());
    const auto put = [&](const std::string& text) {
        BOOST_REQUIRE(write(out.get(), text.data(), text.size()) ==
                      static_cast<ssize_t>(text.size()));
    };
    put("one\ntwo\nthr");
    auto lines = reader.next().value();
    BOOST_REQUIRE(lines.size() == 2u);
    BOOST_TEST((lines[1].number == 2 && lines[1].text == "two"));
    put("ee\n");
    lines = reader.next().value();
    BOOST_REQUIRE(lines.size() == 1u);
    BOOST_TEST((lines[0].number == 3 && lines[0].text == "three"));
    put(std::string(kMostLine / 2, 'x'));
    put("\nend");
    out = Fd();
    lines = reader.next().value();
    BOOST_REQUIRE(lines.size() == 2u);
    BOOST_TEST(lines[0].text.size() == kMostLine / 2);
    BOOST_TEST((lines[1].number == 5 && lines[1].text == "end"));
    BOOST_TEST(reader.next().value().empty());
}

BOOST_AUTO_TEST_SUITE_END()
