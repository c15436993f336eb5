#include "core/asm/directives.h"

#include <boost/test/unit_test.hpp>

#include "tests/unit/asm/text.h"

BOOST_AUTO_TEST_SUITE(directives_test)

using namespace vfm;
using test::errors_of;
using test::good;
using test::hint_of;

BOOST_AUTO_TEST_CASE(tables) {
    const Module m =
        good(".table a\n.table \"(& x 1)\" key=ipv4 capacity=100 evict=none\nRET").module;
    BOOST_REQUIRE(m.tables.size() == 2u);
    BOOST_TEST((m.tables[0] == TableDecl{.name = "a"}));
    BOOST_TEST((m.tables[1] == TableDecl{"(& x 1)", {KeyKind::ipv4}, 100, Eviction::none}));
    BOOST_TEST(errors_of(".table a key=foo\nRET") ==
               "1:10 expected key=KIND,..., capacity=N, evict=lru|none or shared");
    const Module wide = good(".table a key=ip,port shared\n.table b shared key=conn\nRET").module;
    BOOST_TEST((wide.tables[0] ==
                TableDecl{.name = "a", .key = {KeyKind::ip, KeyKind::port}, .shared = true}));
    BOOST_TEST((wide.tables[1] == TableDecl{.name = "b", .key = {KeyKind::conn}, .shared = true}));
    BOOST_TEST(errors_of(".table a key=ip,\nRET").find("1:10 expected key=") == 0u);
    BOOST_TEST(errors_of(".table a key=conn,ip\nRET") ==
               "1:1 a key of 9 words, 1 to 8 are possible");
    BOOST_TEST(errors_of(".table a capacity=67108865\nRET").find("1:10 expected") == 0u);
    BOOST_TEST(errors_of(".table a capacity=0\nRET").find("1:1 capacity 0") == 0u);
    BOOST_TEST(errors_of(".table a\n.table a\nRET") ==
               "2:1 table 1: an earlier table has its name");
}

BOOST_AUTO_TEST_CASE(the_65th_table_is_the_error) {
    std::string text;
    for (int i = 0; i < 64; ++i) text += ".table t" + std::to_string(i) + "\n";
    BOOST_TEST(errors_of(text + "RET") == "none");
    BOOST_TEST(errors_of(text + ".table more\nRET") == "65:1 a module has at most 64 tables");
}

BOOST_AUTO_TEST_CASE(sets) {
    const Module m = good(
                         ".set a width=32\n.member 10.0.0.0/8 80\n.member 0x50\n"
                         ".set b width=128\n.member 2001:db8::/32 ::1 5\n.set c\nRET")
                         .module;
    BOOST_REQUIRE(m.sets.size() == 3u);
    BOOST_TEST(
        (m.sets[0] == SetDecl{"a", 32, false, {{0, 0x0a000000, 8}, {0, 80, 32}, {0, 80, 32}}}));
    BOOST_TEST((m.sets[1] ==
                SetDecl{"b", 128, false, {{0x20010db800000000, 0, 32}, {0, 1, 128}, {0, 5, 128}}}));
    BOOST_TEST(m.sets[2].width == 64u);
    const Module live = good(".set a live width=48\n.set b live\nRET").module;
    BOOST_TEST((live.sets[0] == SetDecl{"a", 48, true, {}}));
    BOOST_TEST((live.sets[1] == SetDecl{"b", 64, true, {}}));
    BOOST_TEST(errors_of(".set a dead\nRET") == "1:8 expected width=32, 48, 64 or 128, or live");
    BOOST_TEST(errors_of(".set a\n.set a\nRET") == "2:1 set 1: an earlier set has its name");
    BOOST_TEST(errors_of(".member 1\nRET") == "1:1 .member stands after the .set it belongs to");
    BOOST_TEST(errors_of(".set a width=32\n.member 1/33\nRET") ==
               "2:9 '1/33' is no number or prefix of 32 bits");
    BOOST_TEST(errors_of(".set a width=31\nRET").find("1:1 a key width of 31") == 0u);
    BOOST_TEST(errors_of(".set a width=32\n.member 0x100000000\nRET").find("1:1 a member") == 0u);
}

BOOST_AUTO_TEST_CASE(imports) {
    const Module m = good(".import f\n.import g args=5\nRET").module;
    BOOST_TEST((m.imports == std::vector<ImportDecl>{{"f", 0}, {"g", 5}}));
    BOOST_TEST(errors_of(".import f args=6\nRET") == "1:11 expected args=0..5");
}

BOOST_AUTO_TEST_CASE(rule_tables) {
    const Module m = good(
                         ".rules r keys=32,128 default=9\n.rule 5\n.row * *\n.row 10.0.0.0/8 "
                         "::1..::9\n.rule 0\n.rule 0xff\n.row 1 *\nRET")
                         .module;
    BOOST_REQUIRE(m.rule_tables.size() == 1u);
    const RuleTable& r = m.rule_tables[0];
    BOOST_TEST((r.key_widths == std::vector<uint8_t>{32, 128}));
    BOOST_TEST((r.verdicts == std::vector<uint64_t>{5, 0, 255}));
    BOOST_TEST(r.default_verdict == 9u);
    BOOST_REQUIRE(r.rows.size() == 3u);
    BOOST_TEST((r.rows[0].rule == 1 && r.rows[1].rule == 1 && r.rows[2].rule == 3));
    BOOST_TEST((r.rows[0].tests == std::vector<RuleTest>(2)));
    BOOST_TEST((r.rows[1].tests[0] == RuleTest{RuleTest::Kind::prefix, 0, 0x0a000000, 0, 0, 8}));
    BOOST_TEST((r.rows[1].tests[1] == RuleTest{RuleTest::Kind::range, 0, 1, 0, 9, 0}));
    BOOST_TEST(errors_of(".row *\nRET") == "1:1 .row stands after the .rule it belongs to");
    BOOST_TEST(errors_of(".rules r keys=32\n.row *\nRET") ==
               "2:1 .row stands after the .rule it belongs to");
    BOOST_TEST(errors_of(".rule 1\nRET") == "1:1 .rule stands after the .rules it belongs to");
    BOOST_TEST(errors_of(".rules r keys=32 default=x\nRET").find("1:18 expected keys=") == 0u);
    BOOST_TEST(errors_of(".rules r keys=32\n.rule 1\n.row * *\nRET") == "3:1 2 tests for 1 keys");
    BOOST_TEST(errors_of(".rules r keys=32\n.rule 1\n.row x\nRET").find("3:6 'x' is no test") ==
               0u);
    BOOST_TEST(errors_of(".rules r keys=32\n.rule 1\n.row 9..1\nRET").find("a range ends before") !=
               std::string::npos);
    BOOST_TEST(errors_of(".rules r keys=\nRET").find("1:10 expected keys=") == 0u);
    BOOST_TEST(errors_of(".rules r 32\nRET").find("1:10 expected keys=") == 0u);
}

BOOST_AUTO_TEST_CASE(counters) {
    const Module m = good(
                         ".counters rules\n.counter 4 f.vfl \"(= proto 6) pass\" web\n"
                         ".counter 1 \"a b\" x\n.counters other\n.counter 2 f.vfl \"\"\nRET")
                         .module;
    BOOST_TEST((m.counter_groups ==
                std::vector<CounterGroup>{
                    {"rules", {{"f.vfl", 4, "(= proto 6) pass", "web"}, {"a b", 1, "x", ""}}},
                    {"other", {{"f.vfl", 2, "", ""}}}}));
    BOOST_TEST(errors_of(".counter 1 f t\nRET") ==
               "1:1 .counter stands after the .counters it belongs to");
    BOOST_TEST(errors_of(".counters c\nRET") == "1:1 0 counters, 1 to 1048576 are possible");
    BOOST_TEST(errors_of(".counters c\n.counter 0 f t\nRET") ==
               "1:1 counter 0: lines count from 1");
    BOOST_TEST(errors_of(".counters c\n.counter x f t\nRET").find("2:10 a line takes") == 0u);
}

BOOST_AUTO_TEST_CASE(the_line_that_passes_a_limit_is_the_error) {
    std::string text = ".rules r keys=32\n";
    for (size_t i = 0; i < kMaxRules; ++i) text += ".rule 1\n";
    BOOST_TEST(errors_of(text + "RET") == "none");
    BOOST_TEST(errors_of(text + ".rule 1\n.rule 1\nRET") ==
               "1048577:1 more than 1048575 rules in a table");
    text = ".rules r keys=32\n.rule 1\n";
    for (size_t i = 0; i < kMaxRows; ++i) text += ".row *\n";
    BOOST_TEST(errors_of(text + "RET") == "none");
    BOOST_TEST(errors_of(text + ".rules s keys=32\n.rule 1\n.row 1\n.row 2\nRET") ==
               "1048581:1 more than 1048576 rows in a module");
    text = ".counters c\n";
    for (size_t i = 0; i < kMaxCounters; ++i) text += ".counter 1 f t\n";
    BOOST_TEST(errors_of(text + ".counter 2 f t\nRET") ==
               "1048578:1 more than 1048576 counters in a group");
}

BOOST_AUTO_TEST_CASE(fuel) {
    BOOST_TEST(good(".fuel 18446744073709551615\nRET").module.fuel.value_or(0) == UINT64_MAX);
    BOOST_TEST(errors_of(".fuel 1\n.fuel 2\nRET") == "2:1 .fuel is given twice");
    BOOST_TEST(errors_of(".fuel -1\nRET").find("1:7 .fuel takes a number in 0..") == 0u);
}

BOOST_AUTO_TEST_CASE(source_and_lines) {
    const Module m = good(
                         ".source \"f.vfl\"\n.text \"a\\n\" \"\\xff\\\"\\\\\"\n.loc 1 2\nRAND\n"
                         ".loc 3 4 +1\nLD8 1\nRET")
                         .module;
    BOOST_TEST(m.source_name == "f.vfl");
    BOOST_TEST(m.source_text == "a\n\xff\"\\");
    BOOST_TEST((m.lines == std::vector<LineEntry>{{0, {1, 2}}, {2, {3, 4}}}));
    BOOST_TEST(errors_of(".loc 1 1\n.loc 2 2\nRET") == "2:1 line entry 1: offsets do not ascend");
    BOOST_TEST(errors_of("RET\n.loc 1 1\n").find("2:1 line entry 0: offset 0x1") == 0u);
    BOOST_TEST(errors_of(".loc 0 1\nRET").find("1:1 line entry 0: lines and") == 0u);
    BOOST_TEST(errors_of(".loc 1 1 2\nRET") == "1:10 expected file=N, or + and a number of bytes");
    const Module more = good(
                            ".source a\n.text \"1\"\n.source b\n.source c\n.text \"2\"\n"
                            ".loc 1 1 file=2\nRAND\n.loc 5 6 +1 file=1\nLD8 1\nRET")
                            .module;
    BOOST_TEST(more.source_text == "1");
    BOOST_TEST((more.included == std::vector<SourceText>{{"b", ""}, {"c", "2"}}));
    BOOST_TEST((more.lines == std::vector<LineEntry>{{0, {1, 1}, 2}, {2, {5, 6}, 1}}));
    BOOST_TEST(errors_of(".source a\n.loc 1 1 file=1\nRET") ==
               "2:1 line entry 0: it names file 1, there are 0");
    BOOST_TEST(errors_of(".text x\nRET") == "1:7 .text takes strings in double quotes");
}

BOOST_AUTO_TEST_CASE(strings) {
    BOOST_TEST(errors_of(".source \"abc\nRET") == "1:9 a string without its closing quote");
    BOOST_TEST(errors_of(".source \"\\q\"\nRET").find("1:9 an unknown escape") == 0u);
    BOOST_TEST(errors_of(".source \"\\x1\"\nRET").find("1:9 an unknown escape") == 0u);
    BOOST_TEST(errors_of(".source \"\\").find("1:9 a string without") == 0u);
    BOOST_TEST(good(".source \"a;b\" ; c\nRET").module.source_name == "a;b");
}

BOOST_AUTO_TEST_CASE(unknown_directives_and_wrong_counts) {
    BOOST_TEST(errors_of(".tabel a\nRET") == "1:1 unknown directive '.tabel'");
    BOOST_TEST(hint_of(".tabel a\nRET") == "did you mean '.table'?");
    BOOST_TEST(errors_of(".table\nRET").find("1:1 .table takes NAME [key=") == 0u);
    BOOST_TEST(errors_of(".module x\nRET") == "1:1 .module takes nothing");
    for (const auto& info : assembly::Directives::infos()) {
        BOOST_TEST(info.name.starts_with('.'));
        BOOST_TEST(!info.sentence.empty());
    }
}

BOOST_AUTO_TEST_SUITE_END()
