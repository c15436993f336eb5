#include <boost/test/unit_test.hpp>

#include "core/base/diagnostic.h"

BOOST_AUTO_TEST_SUITE(diagnostic_test)

using namespace vfm;

namespace {

std::shared_ptr<const SourceFile> source(std::string text) {
    return std::make_shared<const SourceFile>("f.vfl", std::move(text));
}

}  // namespace

BOOST_AUTO_TEST_CASE(text_has_place_line_and_carets) {
    const auto d = Diagnostic::at(source("(= a\n   bcd)\n"), {8, 11}, "unknown name 'bcd'",
                                  "did you mean 'abc'?");
    BOOST_TEST(render(d) ==
               "f.vfl:2:4: error: unknown name 'bcd'\n"
               "   bcd)\n"
               "   ^^^\n"
               "hint: did you mean 'abc'?\n");
}

BOOST_AUTO_TEST_CASE(binary_input_has_an_offset) {
    BOOST_TEST(render(Diagnostic::at_offset("f.bin", 0x48, "cut off")) ==
               "f.bin:+0x48: error: cut off\n");
    auto rejected = Diagnostic::at_offset("f.bin", 0x48, "JGT needs 2 values, has 1");
    rejected.kind = "STACK_UNDERFLOW";
    BOOST_TEST(render(rejected) ==
               "f.bin:+0x48: error: STACK_UNDERFLOW: JGT needs 2 values, has 1\n");
}

BOOST_AUTO_TEST_CASE(things_and_nothing) {
    BOOST_TEST(render(Diagnostic::about("eth7", "no such interface")) ==
               "eth7: error: no such interface\n");
    BOOST_TEST(render(Diagnostic::about("", "out of memory")) == "error: out of memory\n");
}

BOOST_AUTO_TEST_CASE(severities) {
    auto d = Diagnostic::about("x", "y");
    d.severity = Severity::warning;
    BOOST_TEST(render(d) == "x: warning: y\n");
    d.severity = Severity::note;
    BOOST_TEST(render(d) == "x: note: y\n");
}

BOOST_AUTO_TEST_CASE(a_tab_is_one_column_and_control_bytes_are_not_shown) {
    const auto d = Diagnostic::at(source("\t\x1b[2Jx"), {5, 6}, "m");
    BOOST_TEST(render(d) == "f.vfl:1:6: error: m\n ?[2Jx\n     ^\n");
}

BOOST_AUTO_TEST_CASE(carets_count_characters_and_columns_bytes) {
    const std::string text = "; gr\u00fc\u00df\u20ac \U0001f600 x";
    const size_t at = text.find('x');
    const auto d = Diagnostic::at(source(text), {static_cast<uint32_t>(at), 1000}, "m");
    BOOST_TEST(render(d) == "f.vfl:1:18: error: m\n" + text + "\n          ^\n");
    // Overlong, cut off, surrogate, right-to-left override, zero width: one '?' a byte.
    for (const std::string bad : {"\xc0\xaf", "\xe2\x82", "\xed\xa0\x80", "\u202e", "\u200b"}) {
        const auto size = static_cast<uint32_t>(bad.size());
        const auto hidden = Diagnostic::at(source(bad + "x"), {size, size + 1}, "m");
        const std::string marks(size, '?'), spaces(size, ' ');
        BOOST_TEST(render(hidden) == "f.vfl:1:" + std::to_string(size + 1) + ": error: m\n" +
                                         marks + "x\n" + spaces + "^\n");
    }
}

BOOST_AUTO_TEST_CASE(long_lines_are_cut_around_the_span) {
    const std::string text = std::string(500, 'a') + "BC" + std::string(500, 'z');
    const std::string out = render(Diagnostic::at(source(text), {500, 502}, "m"));
    const size_t line = out.find('\n') + 1;
    const size_t carets = out.find('\n', line) + 1;
    BOOST_TEST(carets - line < 120u);
    const size_t column = out.find('^') - carets;
    BOOST_TEST(out.substr(line + column, 2) == "BC");
    BOOST_TEST(out.substr(line, 3) == "...");
}

BOOST_AUTO_TEST_CASE(the_end_of_the_text_has_no_line_to_show) {
    BOOST_TEST(render(Diagnostic::at(source("a\n"), {2, 2}, "no filter")) ==
               "f.vfl:2:1: error: no filter\n");
    BOOST_TEST(render(Diagnostic::at(source(""), {0, 0}, "no filter")) ==
               "f.vfl:1:1: error: no filter\n");
}

BOOST_AUTO_TEST_CASE(a_span_over_lines_is_marked_to_the_end_of_the_first) {
    BOOST_TEST(render(Diagnostic::at(source("ab\ncd"), {1, 5}, "m")) ==
               "f.vfl:1:2: error: m\nab\n ^\n");
}

BOOST_AUTO_TEST_CASE(colour_only_on_request) {
    const auto d = Diagnostic::at(source("x"), {0, 1}, "m");
    BOOST_TEST(render(d).find('\x1b') == std::string::npos);
    BOOST_TEST(render(d, true).find("\x1b[1;31m") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(user_text_in_messages) {
    BOOST_TEST(printable("a\nb\xff") == "a\\x0ab\\xff");
    BOOST_TEST(printable("pr\u00f6to") == "pr\u00f6to");
    BOOST_TEST(printable("abcdef", 3) == "abc...");
    BOOST_TEST(printable("abc", 3) == "abc");
    BOOST_TEST(render(Diagnostic::about("a\nb", "m")) == "a\\x0ab: error: m\n");
}

BOOST_AUTO_TEST_SUITE_END()
