#include "loader/verbs/report.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(report_test)

using namespace vfm;

BOOST_AUTO_TEST_CASE(columns_stand_under_their_heads) {
    BOOST_TEST(aligned({{"NAME", "N"}, {"a", "12"}, {"long-one", "3"}}) ==
               "NAME       N\n"
               "a         12\n"
               "long-one   3\n");
    BOOST_TEST(aligned({{"A", "B"}}) == "A  B\n");
    BOOST_TEST(aligned({}) == "");
}

BOOST_AUTO_TEST_CASE(cells_cannot_drive_the_terminal) {
    BOOST_TEST(aligned({{"\x1b[2J"}}).find('\x1b') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(sources_become_one_line) {
    BOOST_TEST(one_line("  (and\n\t(= 1 2)\r\n  x)\n", 40) == "(and (= 1 2) x)");
    BOOST_TEST(one_line(std::string(500, 'x'), 10).size() <= 13u);
    BOOST_TEST(one_line("", 10) == "");
}

BOOST_AUTO_TEST_CASE(errors_that_occurred) {
    vfm_stats stats{};
    BOOST_TEST(errors_json(stats).dump() == "{}");
    BOOST_TEST(errors_text(stats) == "-");
    stats.errors[6] = 3;
    stats.errors[8] = 1;
    BOOST_TEST(errors_json(stats).dump() == R"({"BOUNDS":3,"LIMIT":1})");
    BOOST_TEST(errors_text(stats) == "BOUNDS 3, LIMIT 1");
}

BOOST_AUTO_TEST_CASE(a_filter_as_list_prints_it) {
    StoredFilter filter;
    filter.interface = "eth0";
    filter.program_id = 12;
    filter.record.name = "web";
    filter.record.interface = "old0";
    filter.record.source = "(= 1 1)\n";
    const Json row = filter_json(filter);
    BOOST_TEST(row.at("iface") == "eth0");
    BOOST_TEST(row.at("hook") == "xdp");
    BOOST_TEST(row.at("mode") == "native");
    BOOST_TEST(row.at("engine") == "kernel");
    BOOST_TEST(row.at("name") == "web");
    BOOST_TEST(row.at("prog_id") == 12);
    BOOST_TEST(row.at("on_error") == "pass");
    BOOST_TEST(row.at("source") == "(= 1 1)\n");
    BOOST_TEST(row.at("state") == "attached");
    BOOST_TEST(row.contains("prio"));
    BOOST_TEST(row.contains("attached_at"));
}

BOOST_AUTO_TEST_CASE(what_only_user_space_counts) {
    FilterStats kernel, served;
    kernel.stats = {}, served.stats = {};
    kernel.filter.record.name = "web";
    served.filter.record.name = "large";
    served.filter.record.mode = Mode::userspace;
    served.filter.record.engine = "jit";
    served.filter.condition = Condition::unserved;
    served.stats.overrun = 7;
    served.stats.lost = 2;
    BOOST_TEST(stats_report({kernel}, false).find("OVERRUN") == std::string::npos);
    BOOST_TEST(stats_report({kernel, served}, false).find("OVERRUN  LOST") != std::string::npos);
    const Json rows = Json::parse(stats_report({kernel, served}, true));
    BOOST_TEST(rows.at(0).at("engine") == "kernel");
    BOOST_TEST(rows.at(0).at("overrun") == 0);
    BOOST_TEST(rows.at(1).at("engine") == "jit");
    BOOST_TEST(rows.at(1).at("overrun") == 7);
    BOOST_TEST(rows.at(1).at("lost") == 2);
    BOOST_TEST(rows.at(1).at("state") == "unserved");
    const Json listed = filter_json(served.filter);
    BOOST_TEST(listed.at("mode") == "userspace");
    BOOST_TEST(listed.at("state") == "unserved");
}

BOOST_AUTO_TEST_CASE(json_takes_any_bytes) {
    BOOST_TEST(json_line({{"source", "\xff"}}).ends_with("}\n"));
}

BOOST_AUTO_TEST_CASE(rules_with_what_they_decided) {
    FilterStats row;
    row.filter.interface = "eth0";
    row.filter.record.name = "web";
    BOOST_TEST(Json::parse(stats_report({row}, true)).at(0).at("rules").empty());
    BOOST_TEST(stats_report({row}, false).find("RULE") == std::string::npos);
    row.groups = {{"rules",
                   {{"web.vfl", 9, "(default drop)", ""},
                    {"web.vfl", 4, "(when (= tcp.dport 443) pass)", "https"}}}};
    row.counts = {{{2, 120}, {7, 420}}};
    const Json rules = Json::parse(stats_report({row}, true)).at(0).at("rules");
    BOOST_TEST(
        rules.dump() ==
        R"([{"rules":"rules","rule":0,"name":null,"file":"web.vfl","line":9,)"
        R"("packets":2,"bytes":120,"would_drop":0},{"rules":"rules","rule":1,"name":"https",)"
        R"("file":"web.vfl","line":4,"packets":7,"bytes":420,"would_drop":0}])");
    const std::string text = stats_report({row}, false);
    BOOST_TEST(
        text.ends_with("IFACE  HOOK  NAME  RULES  RULE  PACKETS  BYTES  PLACE      WHAT\n"
                       "eth0   xdp   web   rules     0        2    120  web.vfl:9  (default drop)\n"
                       "eth0   xdp   web   rules     1        7    420  web.vfl:4  https\n"),
        text);
}

BOOST_AUTO_TEST_CASE(what_would_be_dropped) {
    FilterStats plain, row;
    plain.filter.record.name = "plain";
    row.filter.record.name = "web";
    row.filter.record.enforceable = true;
    row.groups = {{"rules", {{"web.vfl", 9, "(default drop)", ""}, {"web.vfl", 4, "a", ""}}}};
    row.counts = {{{5, 300}, {7, 420}}};
    row.would_drop = {.packets = 6, .rules = {{4, 2}}};
    BOOST_TEST(stats_report({plain}, false).find("WOULD-DROP") == std::string::npos);
    const std::string text = stats_report({plain, row}, false);
    BOOST_TEST(text.find("LOG  WOULD-DROP  ERRORS") != std::string::npos, text);
    BOOST_TEST(text.find("BYTES  WOULD-DROP  PLACE") != std::string::npos, text);
    const Json rows = Json::parse(stats_report({plain, row}, true));
    BOOST_TEST(rows.at(0).at("would_drop") == 0);
    BOOST_TEST(rows.at(1).at("would_drop") == 6);
    BOOST_TEST(rows.at(1).at("rules").at(0).at("would_drop") == 4);
    BOOST_TEST(rows.at(1).at("rules").at(1).at("would_drop") == 2);
    BOOST_TEST(filter_json(plain.filter).at("enforce") == "on");
}

BOOST_AUTO_TEST_SUITE_END()
