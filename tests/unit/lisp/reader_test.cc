// Text to syntax tree: tokens, their places, and what is wrong with them.
#include "core/lisp/reader.h"

#include <boost/test/unit_test.hpp>

#include "tests/unit/lisp/lisp_text.h"

namespace vfm::lisp {
BOOST_AUTO_TEST_SUITE(reader_test)

namespace {

using test::Lines;
using test::repeat;
using test::text;

struct Read {
    SyntaxTree tree;
    Lines errors;

    explicit Read(std::string source) : tree(text(std::move(source)), 0) {
        ErrorList list(tree.source());
        tree = read(0, list);
        errors = test::lines_of(list.take());
    }
    std::string root(size_t i = 0) const {
        return tree.canonical(tree.roots()[i], SyntaxTree::Literals::plain, 1000);
    }
};

/// The value of a text that is one number.
uint64_t number(const std::string& source) {
    const Read got(source);
    BOOST_TEST_REQUIRE(got.errors == Lines{});
    BOOST_TEST_REQUIRE(got.tree.roots().size() == 1u);
    BOOST_TEST((got.tree.roots()[0].kind == NodeKind::number));
    return got.tree.roots()[0].literal.lo;
}

Literal literal(const std::string& token) {
    const ParsedLiteral parsed = parse_literal(token);
    BOOST_TEST_REQUIRE(parsed.literal.has_value(), token << ": " << parsed.error);
    return *parsed.literal;
}

NodeKind kind(const std::string& source) { return Read(source).tree.roots()[0].kind; }

Lines errors(const std::string& source) { return Read(source).errors; }

BOOST_AUTO_TEST_CASE(numbers_of_every_base) {
    BOOST_TEST(number("0") == 0u);
    BOOST_TEST(number("42") == 42u);
    BOOST_TEST(number("0xFF") == 255u);
    BOOST_TEST(number("0b1010") == 10u);
    BOOST_TEST(number("10.1.2.3") == 0x0a010203u);
    BOOST_TEST(number("255.255.255.255") == 0xffffffffu);
    BOOST_TEST(number("18446744073709551615") == UINT64_MAX);
    BOOST_TEST(number("0xffffffffffffffff") == UINT64_MAX);
}

BOOST_AUTO_TEST_CASE(negative_numbers_wrap) {
    BOOST_TEST(number("-1") == UINT64_MAX);
    BOOST_TEST(number("-0") == 0u);
    BOOST_TEST(number("-9223372036854775808") == uint64_t{1} << 63);
}

BOOST_AUTO_TEST_CASE(numbers_out_of_range) {
    const std::string ends = "` is out of range: numbers go from -2^63 to 2^64-1";
    BOOST_TEST(errors("18446744073709551616") == Lines{"1:1 `18446744073709551616" + ends});
    BOOST_TEST(errors("-9223372036854775809") == Lines{"1:1 `-9223372036854775809" + ends});
    BOOST_TEST(errors("0x10000000000000000") == Lines{"1:1 `0x10000000000000000" + ends});
    BOOST_TEST(errors(" 1.2.3.256") ==
               Lines{"1:2 `1.2.3.256` is out of range: the parts of an IPv4 "
                     "address go from 0 to 255"});
}

BOOST_AUTO_TEST_CASE(tokens_that_begin_with_a_digit_are_numbers_or_errors) {
    for (const std::string token : {"12ab", "0x", "0xg", "0b", "0b2", "1.2.3", "1.2.3.4.5",
                                    "1..2.3", "1_0", "0x-5", "1.2.3.-4", "3d", "5sec", "1.5s"})
        BOOST_TEST(errors(token) ==
                   Lines{"1:1 `" + token +
                         "` is not a number: expected decimal digits, `0x`, `0b` or "
                         "a dotted IPv4 address"});
    for (const std::string token : {"-0x10", "-0b1", "-1.2.3.4", "-5x"})
        BOOST_TEST(errors(token) ==
                   Lines{"1:1 `" + token + "` is not a number: only decimal numbers take a `-`"});
}

BOOST_AUTO_TEST_CASE(times_and_mac_addresses_are_numbers) {
    BOOST_TEST(number("7ns") == 7u);
    BOOST_TEST(number("7us") == 7000u);
    BOOST_TEST(number("100ms") == 100000000u);
    BOOST_TEST(number("1s") == 1000000000u);
    BOOST_TEST(number("2m") == 120000000000u);
    BOOST_TEST(number("1h") == 3600000000000u);
    BOOST_TEST(errors("5124096h") ==
               Lines{"1:1 `5124096h` is out of range: times go to 2^64-1 nanoseconds"});
    BOOST_TEST(errors("-5s") ==
               Lines{"1:1 `-5s` is not a number: only decimal numbers take a `-`"});
    BOOST_TEST(number("00:11:22:33:44:Ff") == 0x0011223344ffu);
    BOOST_TEST(number("aa:bb:cc:dd:ee:0f") == 0xaabbccddee0fu);
}

BOOST_AUTO_TEST_CASE(addresses_and_prefixes) {
    const Literal six{
        .kind = LiteralKind::address, .is_ipv6 = true, .hi = 0x20010db800000000, .lo = 1};
    BOOST_TEST((literal("2001:db8::1") == six));
    BOOST_TEST((literal("2001:DB8:0:0::1") == six));
    BOOST_TEST((literal("::").kind == LiteralKind::address));
    BOOST_TEST((literal("::1").lo == 1u));
    BOOST_TEST((literal("fe80::1").hi == 0xfe80000000000000));
    BOOST_TEST((literal("::ffff:1.2.3.4").lo == 0xffff01020304));
    const Literal ten{.kind = LiteralKind::prefix, .length = 8, .lo = 0x0a000000};
    BOOST_TEST((literal("10.0.0.0/8") == ten));
    BOOST_TEST((literal("10.9.8.7/8") == ten));  // host bits are ignored
    BOOST_TEST((literal("10.9.8.7/0").lo == 0u));
    BOOST_TEST((literal("10.9.8.7/32").lo == 0x0a090807u));
    const Literal wide = literal("2001:db8:ffff::9/33");
    BOOST_TEST((wide.is_ipv6 && wide.length == 33));
    BOOST_TEST(wide.hi == 0x20010db880000000u);
    BOOST_TEST(literal("ffff::9/128").lo == 9u);
    BOOST_TEST(errors("10.0.0.0/33") ==
               Lines{"1:1 `10.0.0.0/33` is not a prefix: its length goes from 0 to 32"});
    BOOST_TEST(errors("::/129") ==
               Lines{"1:1 `::/129` is not a prefix: its length goes from 0 to 128"});
    BOOST_TEST(errors("10.0.0/8") ==
               Lines{"1:1 `10.0.0/8` is not a prefix: expected an IPv4 or IPv6 "
                     "address before the `/`"});
    BOOST_TEST(errors("1::2::3").size() == 1u);
    BOOST_TEST(errors("a:b:c").size() == 1u);
    BOOST_TEST((kind(":key") == NodeKind::keyword));
    BOOST_TEST((kind("/") == NodeKind::symbol));
    BOOST_TEST((kind("a/b") == NodeKind::symbol));
}

BOOST_AUTO_TEST_CASE(a_byte_order_mark_is_no_column) {
    const Read got("\xef\xbb\xbf(= proto 6))");
    BOOST_TEST(got.root() == "(= proto 6)");
    BOOST_TEST(got.errors == Lines{"1:12 `)` without a `(` before it"});
}

BOOST_AUTO_TEST_CASE(tokens_end_where_they_must) {
    const Read got("(a;c)\nb\"s;)\"c)d");
    BOOST_TEST(got.errors == Lines{});
    BOOST_TEST_REQUIRE(got.tree.roots().size() == 2u);
    BOOST_TEST(got.root() == "(a b \"s;)\" c)");
    BOOST_TEST(got.root(1) == "d");
}

BOOST_AUTO_TEST_CASE(kinds_of_tokens) {
    BOOST_TEST((kind("-") == NodeKind::symbol));
    BOOST_TEST((kind("+5") == NodeKind::symbol));
    BOOST_TEST((kind("tcp.dport") == NodeKind::symbol));
    BOOST_TEST((kind("@web") == NodeKind::symbol));
    BOOST_TEST((kind(":key") == NodeKind::keyword));
    BOOST_TEST((kind("\"a b\"") == NodeKind::string));
    BOOST_TEST((kind("()") == NodeKind::list));
}

BOOST_AUTO_TEST_CASE(white_space_and_comments) {
    const Read got("; one\r\n\t(=\r\n\f proto\v6 ) ; two");
    BOOST_TEST(got.errors == Lines{});
    BOOST_TEST_REQUIRE(got.tree.roots().size() == 1u);
    BOOST_TEST(got.root() == "(= proto 6)");
    BOOST_TEST((got.tree.roots()[0].span == Span{8, 23}));
}

BOOST_AUTO_TEST_CASE(canonical_text_has_decimal_numbers_and_single_spaces) {
    BOOST_TEST(Read("( &  src-ip\n 0xffffff00 )").root() == "(& src-ip 4294967040)");
    BOOST_TEST(Read("(a (b -1) () ((c)) 1.0.0.0)").root() ==
               "(a (b 18446744073709551615) () ((c)) 16777216)");
    BOOST_TEST(
        Read("(a 1ms 00:00:00:00:01:00 2001:DB8:0::1 ::0.0.1.2 ::ffff:1.2.3.4 1.2.3.4/8)").root() ==
        "(a 1000000 256 2001:db8::1 ::102 ::ffff:1.2.3.4 1.2.3.4/8)");
    const Read typed("(a  0x10 ; b\n 1ms)");
    BOOST_TEST(typed.tree.canonical(typed.tree.roots()[0], SyntaxTree::Literals::as_typed, 99) ==
               "(a 0x10 1ms)");
    BOOST_TEST(Read("(a (b (c d) e) f)")
                   .tree.canonical(Read("(a)").tree.roots()[0], SyntaxTree::Literals::plain, 2)
                   .size() <= 4u);
}

BOOST_AUTO_TEST_CASE(strings) {
    BOOST_TEST(Read(R"("a\" "b")").root() == R"("a\")");  // no escapes
    BOOST_TEST(Read(R"("a\" "b")").tree.roots().size() == 2u);
    BOOST_TEST(errors("(a \"bc)\nd)") == Lines{"1:4 this string has no closing `\"` on its line"});
    BOOST_TEST(errors("\"") == Lines{"1:1 this string has no closing `\"` on its line"});
    BOOST_TEST(errors("\"\\") == Lines{"1:1 this string has no closing `\"` on its line"});
    BOOST_TEST(errors("\"\\\n\"") == (Lines{"1:1 this string has no closing `\"` on its line",
                                            "2:1 this string has no closing `\"` on its line"}));
}

BOOST_AUTO_TEST_CASE(parentheses_that_do_not_match) {
    BOOST_TEST(errors("(a (b (c)") == Lines{"1:4 `(` without its `)`"});
    BOOST_TEST(errors("(a))\n)") ==
               (Lines{"1:4 `)` without a `(` before it", "2:1 `)` without a `(` before it"}));
    const Read got("(a (b c");
    BOOST_TEST(got.root() == "(a (b c))");
    BOOST_TEST(!got.tree.roots()[0].closed);
}

BOOST_AUTO_TEST_CASE(nesting_has_a_limit) {
    const auto nested = [](size_t n) { return repeat("(", n) + repeat(")", n); };
    BOOST_TEST(errors(nested(1000)) == Lines{});
    BOOST_TEST(errors(nested(1001)) == Lines{"1:1001 more than 1000 parentheses are open at once"});
    BOOST_TEST(errors(nested(5000)) == Lines{"1:1001 more than 1000 parentheses are open at once"});
    // Both lists that are too deep are named, and the reader is in step behind them.
    BOOST_TEST(errors(repeat("(", 1000) + "(())(x)" + repeat(")", 1001)) ==
               (Lines{"1:1001 more than 1000 parentheses are open at once",
                      "1:1005 more than 1000 parentheses are open at once",
                      "1:2008 `)` without a `(` before it"}));
    BOOST_TEST(errors(repeat("(", 100000)) ==
               (Lines{"1:1001 more than 1000 parentheses are open at once",
                      "1:100000 `(` without its `)`"}));
}

BOOST_AUTO_TEST_CASE(size_has_a_limit) {
    BOOST_TEST(errors(repeat("a ", kMaxNodes)) == Lines{});
    BOOST_TEST(errors("((" + repeat("a ", kMaxNodes + 7)) ==
               Lines{"1:2097155 too complex: more than 1048576 tokens and lists"});
}

BOOST_AUTO_TEST_CASE(messages_have_a_limit) {
    const Lines got = errors(repeat(")", kMaxErrors + 5));
    BOOST_TEST_REQUIRE(got.size() == kMaxErrors + 1);
    BOOST_TEST(got.back() == "more than 10000 messages, the rest is left out");
}

BOOST_AUTO_TEST_CASE(any_bytes_can_be_read) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    for (int first = 0; first < 256; ++first) {
        std::rotate(bytes.begin(), bytes.begin() + 1, bytes.end());
        const Read got(bytes);
        for (const Node& node : got.tree.roots()) BOOST_TEST(node.span.end <= bytes.size());
    }
    BOOST_TEST((kind(std::string("\0", 1)) == NodeKind::symbol));
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::lisp
