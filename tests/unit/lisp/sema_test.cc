// Every message of the checks, with its place.
#include "core/lisp/sema.h"

#include <boost/test/unit_test.hpp>

#include "tests/unit/lisp/lisp_text.h"

namespace vfm::lisp {
BOOST_AUTO_TEST_SUITE(sema_test)

namespace {

using test::errors_of;
using test::Lines;
using test::repeat;
using test::text;

std::string tree_of(const std::string& source) {
    const auto analysed = analyse(text(source));
    return analysed ? print(analysed->tree) : "error";
}

Lines warnings_of(const std::string& source) {
    const auto compiled = compile(text(source));
    BOOST_TEST_REQUIRE(compiled.has_value());
    for (const Diagnostic& d : compiled->warnings) BOOST_TEST((d.severity == Severity::warning));
    return test::lines_of(compiled->warnings);
}

std::vector<TableDecl> tables_of(const std::string& source) {
    const auto analysed = analyse(text(source));
    BOOST_TEST_REQUIRE(analysed.has_value());
    return analysed->tree.tables;
}

BOOST_AUTO_TEST_CASE(numbers_of_arguments) {
    BOOST_TEST(errors_of("(= proto 6 7)") == Lines{"1:1 `=` takes 2 arguments, got 3"});
    BOOST_TEST(errors_of("(not 1 2)") == Lines{"1:1 `not` takes 1 argument, got 2"});
    BOOST_TEST(errors_of("(if 1 2)") == Lines{"1:1 `if` takes 3 arguments, got 2"});
    BOOST_TEST(errors_of("(+ 1)") == Lines{"1:1 `+` takes at least 2 arguments, got 1"});
    BOOST_TEST(errors_of("(and)") == Lines{"1:1 `and` takes at least 1 argument, got 0"});
    BOOST_TEST(errors_of("(-)") == Lines{"1:1 `-` takes 1 or 2 arguments, got 0"});
    BOOST_TEST(errors_of("(- 1 2 3)") == Lines{"1:1 `-` takes 1 or 2 arguments, got 3"});
    BOOST_TEST(errors_of("(~ 1 2)") == Lines{"1:1 `~` takes 1 argument, got 2"});
    BOOST_TEST(errors_of("(count-by)") == Lines{"1:1 `count-by` takes 1 argument, got 0"});
    BOOST_TEST(errors_of("(flow-count 1 2)") == Lines{"1:1 `flow-count` takes 1 argument, got 2"});
}

/// Every row of the table: one argument too few and one too many are errors, its own counts not.
BOOST_AUTO_TEST_CASE(numbers_of_arguments_of_every_form) {
    for (const std::string_view name : form_names()) {
        if (!find_forms(name)[0].takes_expressions()) continue;
        const auto rows = find_forms(name);
        for (uint32_t count = 0; count < 6; ++count) {
            bool fits = false;
            for (const FormInfo& row : rows) fits = fits || (count >= row.min && count <= row.max);
            const std::string source = fmt::format("({}{})", name, repeat(" 1", count));
            BOOST_TEST_INFO(source);
            BOOST_TEST(errors_of(source).empty() == fits);
        }
    }
}

BOOST_AUTO_TEST_CASE(unknown_names) {
    BOOST_TEST(errors_of("(= proot 6)") ==
               Lines{"1:4 unknown name `proot` (did you mean `proto`?)"});
    BOOST_TEST(errors_of("(= dst_port 6)") ==
               Lines{"1:4 unknown name `dst_port` (did you mean `dst-port`?)"});
    BOOST_TEST(errors_of("(= PROTO 6)") ==
               Lines{"1:4 unknown name `PROTO` (did you mean `proto`?)"});
    BOOST_TEST(errors_of("protocol") ==
               Lines{"1:1 unknown name `protocol` (did you mean `proto`?)"});
    BOOST_TEST(errors_of("dst") == Lines{"1:1 unknown name `dst` (did you mean `dst-ip`?)"});
    BOOST_TEST(errors_of("flags1") == Lines{"1:1 unknown name `flags1`"});
    BOOST_TEST(errors_of("+5") == Lines{"1:1 unknown name `+5`"});
    BOOST_TEST(errors_of("a\x01\xff") == Lines{"1:1 unknown name `a\\x01\\xff`"});
    BOOST_TEST(errors_of(repeat("x", 100)) ==
               Lines{"1:1 unknown name `" + repeat("x", 60) + "...`"});
}

BOOST_AUTO_TEST_CASE(unknown_operators) {
    BOOST_TEST(errors_of("(adn 1 2)") == Lines{"1:2 unknown operator `adn` (did you mean `and`?)"});
    BOOST_TEST(errors_of("(== 1 2)") == Lines{"1:2 unknown operator `==` (did you mean `=`?)"});
    BOOST_TEST(errors_of("(count_by proto)") ==
               Lines{"1:2 unknown operator `count_by` (did you mean `count-by`?)"});
    BOOST_TEST(errors_of("(a 1)") == Lines{"1:2 unknown operator `a`"});
}

BOOST_AUTO_TEST_CASE(names_in_the_wrong_place) {
    BOOST_TEST(errors_of("(= and 1)") == Lines{"1:4 `and` is an operator: expected a value (an "
                                               "operator stands first in a list: `(and ...)`)"});
    BOOST_TEST(errors_of("(proto)") ==
               Lines{"1:2 `proto` is a field: expected an operator (a field "
                     "stands without parentheses: `proto`)"});
    BOOST_TEST(errors_of("(= :key \"s\")") ==
               (Lines{"1:4 expected an expression, found a keyword",
                      "1:9 expected an expression, found a string"}));
}

BOOST_AUTO_TEST_CASE(operators_that_are_no_symbols) {
    BOOST_TEST(errors_of("(6 proto)") == Lines{"1:2 expected an operator, found a number"});
    BOOST_TEST(errors_of("( \"s\" 1)") == Lines{"1:3 expected an operator, found a string"});
    BOOST_TEST(errors_of("(:k 1)") == Lines{"1:2 expected an operator, found a keyword"});
    BOOST_TEST(errors_of("((= proto 6))") == Lines{"1:2 expected an operator, found a list"});
    BOOST_TEST(errors_of("((= proot 6) 1)") ==
               (Lines{"1:2 expected an operator, found a list",
                      "1:5 unknown name `proot` (did you mean `proto`?)"}));
    BOOST_TEST(errors_of("(1x 2)").size() == 1u);
}

BOOST_AUTO_TEST_CASE(empty_lists) {
    BOOST_TEST(errors_of("(and 1 ( ))") ==
               Lines{"1:8 an empty list has no value: expected `(operator ...)`"});
    BOOST_TEST(errors_of("(") == Lines{"1:1 `(` without its `)`"});
}

BOOST_AUTO_TEST_CASE(no_filter) {
    const std::string message = "no filter: expected an expression";
    BOOST_TEST(errors_of("") == Lines{"1:1 " + message});
    BOOST_TEST(errors_of("; nothing") == Lines{"2:1 " + message});
    BOOST_TEST(errors_of("; nothing\n") == Lines{"2:1 " + message});
    BOOST_TEST(errors_of("\r\n \r\n") == Lines{"3:1 " + message});
    BOOST_TEST(errors_of(")") == (Lines{"1:1 `)` without a `(` before it", "2:1 " + message}));
}

BOOST_AUTO_TEST_CASE(more_than_one_filter) {
    const std::string message = "a second filter expression: a file holds one";
    BOOST_TEST(errors_of("1\n (= proto 6)") == Lines{"2:2 " + message});
    BOOST_TEST(errors_of("1 2 proot") ==
               (Lines{"1:3 " + message, "1:5 " + message,
                      "1:5 unknown name `proot` (did you mean `proto`?)"}));
}

BOOST_AUTO_TEST_CASE(all_errors_of_a_file_in_the_order_of_their_places) {
    BOOST_TEST(errors_of("(and (= proot 6)\n     (= dst-port 80 81)\n     (foo 1x)\n     ())\n)") ==
               (Lines{"1:9 unknown name `proot` (did you mean `proto`?)",
                      "2:6 `=` takes 2 arguments, got 3", "3:7 unknown operator `foo`",
                      "3:11 `1x` is not a number: expected decimal digits, `0x`, `0b` or a dotted "
                      "IPv4 address",
                      "4:6 an empty list has no value: expected `(operator ...)`",
                      "5:1 `)` without a `(` before it"}));
}

BOOST_AUTO_TEST_CASE(a_list_without_its_end_is_not_counted) {
    BOOST_TEST(errors_of("(and (= proto 6) (= src-prt") ==
               (Lines{"1:18 `(` without its `)`",
                      "1:21 unknown name `src-prt` (did you mean `src-port`?)"}));
}

BOOST_AUTO_TEST_CASE(deep_nesting) {
    const auto nested = [](std::string_view open, size_t n) {
        return repeat(open, n) + "1" + repeat(")", n);
    };
    for (const char* open : {"(not ", "(- ", "(~ ", "(and ", "(or 0 ", "(if 1 0 ", "(if 0 1 "}) {
        BOOST_TEST_INFO(open);
        BOOST_TEST(errors_of(nested(open, 1000)) == Lines{});
        BOOST_TEST(errors_of(nested(open, 1001)) ==
                   Lines{fmt::format("1:{} more than 1000 parentheses are open at once",
                                     1000 * std::string_view(open).size() + 1)});
    }
    const Lines got = errors_of(nested("(if ", 1000));
    BOOST_TEST_REQUIRE(got.size() == 1000u);
    BOOST_TEST(got.back() == "1:3997 `if` takes 3 arguments, got 1");
}

BOOST_AUTO_TEST_CASE(tables_are_named_by_their_keys) {
    const auto tables = tables_of(
        "(+ (count-by src-ip) (flow-count src-ip) (count-by dst-port)\n"
        "(count-by proto) (count-by ( & src-ip\n 0xffffff00))\n"
        "(count-by (& src-ip 255.255.255.0)) (count-by -1))");
    BOOST_TEST_REQUIRE(tables.size() == 5u);
    BOOST_TEST((tables[0] == TableDecl{.name = "src-ip", .key = {KeyKind::ipv4}}));
    BOOST_TEST((tables[1] == TableDecl{.name = "dst-port", .key = {KeyKind::port}}));
    BOOST_TEST((tables[2] == TableDecl{.name = "proto", .key = {KeyKind::proto}}));
    BOOST_TEST((tables[3] == TableDecl{.name = "(& src-ip 4294967040)", .key = {KeyKind::ipv4}}));
    BOOST_TEST((tables[4] == TableDecl{.name = "18446744073709551615", .key = {KeyKind::u64}}));
}

BOOST_AUTO_TEST_CASE(a_table_is_found_as_it_is_typed) {
    BOOST_TEST(table_name("(& src-ip  255.255.255.0)") == "(& src-ip 4294967040)");
    BOOST_TEST(table_name(" ip.src ; whose") == "ip.src");
    BOOST_TEST(table_name("(rate ip.src 0x5 :per 1ms)") == "(rate ip.src 5 :per 1000000)");
    BOOST_TEST(table_name("2001:DB8:0::1") == "2001:db8::1");
    for (const char* none : {"", "a b", "(a", "\"", "; a"}) BOOST_TEST(table_name(none) == none);
}

BOOST_AUTO_TEST_CASE(at_most_64_tables) {
    const auto counting = [](size_t n) {
        std::string source = "(+ 0";
        for (size_t i = 0; i < n; ++i) source += fmt::format("\n(count-by {})", i);
        return source + "\n(count-by 0))";
    };
    BOOST_TEST(errors_of(counting(64)) == Lines{});
    const Lines got = errors_of(counting(66));
    BOOST_TEST_REQUIRE(got.size() == 2u);
    BOOST_TEST(got[0] ==
               "66:1 too many flow tables: this is key expression number 65 or later, and a "
               "filter has at most 64");
    BOOST_TEST(got[1].starts_with("67:1 too many flow tables"));
}

BOOST_AUTO_TEST_CASE(a_table_name_has_a_limit) {
    BOOST_TEST(
        errors_of("(count-by (+ " + repeat("100000000000000 ", 5000) + "))") ==
        Lines{"1:1 too complex: the key expression names a flow table and is longer than a name "
              "may be"});
}

BOOST_AUTO_TEST_CASE(division_by_constant_zero_is_a_warning) {
    const std::string of_division = "division by zero: this `/` never gives a value";
    BOOST_TEST(warnings_of("(/ 1 0)") == Lines{"1:1 " + of_division});
    BOOST_TEST(warnings_of("(if 0\n (% proto 0) 1)") ==
               Lines{"2:2 division by zero: this `%` never gives a value"});
    BOOST_TEST(warnings_of("(/ proto (- 5 (if (and 1 (not 0)) 5 6)))") ==
               Lines{"1:1 " + of_division});
    BOOST_TEST(warnings_of("(/ 1 (/ 1 0))") == Lines{"1:6 " + of_division});
    BOOST_TEST(warnings_of("(/ proto proto)") == Lines{});
    BOOST_TEST(warnings_of("(/ 0 1)") == Lines{});
}

BOOST_AUTO_TEST_CASE(typed_tree) {
    BOOST_TEST(tree_of("(if (= proto 6)\n    (> (count-by src-ip) 0x10) (not 0))") ==
               "if truth 1:1\n"
               "  = truth 1:5\n"
               "    proto number 1:8 bytes 23..23\n"
               "    6 number 1:14\n"
               "  > truth 2:5\n"
               "    count-by number 2:8 table 0 `src-ip`\n"
               "      src-ip number 2:18 bytes 26..29\n"
               "    16 number 2:26\n"
               "  not truth 2:32\n"
               "    0 number 2:37\n");
    BOOST_TEST(tree_of("(- proto)") == "- number 1:1\n  proto number 1:4 bytes 23..23\n");
    BOOST_TEST(tree_of("(") == "error");
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::lisp
