#include <boost/test/unit_test.hpp>

#include "tests/unit/cli/captured.h"

BOOST_AUTO_TEST_SUITE(options_test)

using namespace vfm;
using test::Captured;

namespace {

Captured parse(const std::vector<std::string>& arguments) {
    return test::captured([&] { return test::parse_sample(test::sample_tool(), arguments); });
}

void good(const std::vector<std::string>& arguments, std::string_view values) {
    const Captured result = parse(arguments);
    BOOST_TEST(result.status == 0);
    BOOST_TEST(result.out == std::string(values) + "\n");
    BOOST_TEST(result.err == "");
}

void wrong(const std::vector<std::string>& arguments, std::string_view what,
           std::string_view hint = "vfm-x --help says more") {
    const Captured result = parse(arguments);
    BOOST_TEST(result.status == 2);
    BOOST_TEST(result.out == "");
    BOOST_TEST(result.err ==
               "vfm-x: error: " + std::string(what) + "\nhint: " + std::string(hint) + "\n");
}

std::string message(const Failure& failure) {
    BOOST_TEST((failure.status == Status::usage));
    return failure.diagnostics.at(0).message;
}

}  // namespace

BOOST_AUTO_TEST_CASE(options_before_and_after_arguments) {
    good({"a", "-o", "b"}, "in=a out=b");
    good({"-o", "b", "a"}, "in=a out=b");
    good({"-ob", "a", "c"}, "in=a out=b more=c");
    good({"--output=b", "-v", "a"}, "in=a out=b verbose");
    good({"-vo", "b", "a"}, "in=a out=b verbose");
}

BOOST_AUTO_TEST_CASE(a_dash_is_an_argument) {
    good({"-", "-o", "-"}, "in=- out=-");
    good({"-o", "b", "--", "-v"}, "in=-v out=b");
}

BOOST_AUTO_TEST_CASE(wrong_usage_says_what_was_found) {
    wrong({"a"}, "option '--output' is missing");
    wrong({"-o", "b"}, "argument IN is missing");
    wrong({}, "argument IN is missing");
    wrong({"a", "b", "c", "-o", "d"}, "too many arguments");
    wrong({"a", "-o"}, "option '--output' needs a value");
    wrong({"a", "-o", "b", "-o", "c"}, "option '--output' is given twice");
    wrong({"a", "-o", "b", "--verbose=1"}, "option '--verbose' takes no value");
    wrong({"a", "-z"}, "unknown option '-z'");
    wrong({"a", "--\x1b[2J"}, "unknown option '--\\x1b[2J'");
    wrong({"a", "--outptu", "b"}, "unknown option '--outptu'",
          "did you mean '--output'? vfm-x --help says more");
    wrong({"a", "--out", "b"}, "unknown option '--out'",
          "did you mean '--output'? vfm-x --help says more");
}

BOOST_AUTO_TEST_CASE(help_and_version_need_nothing_else) {
    for (const char* option : {"-h", "--help"}) {
        const Captured result = parse({option});
        BOOST_TEST(result.status == 0);
        BOOST_TEST(result.out.starts_with("Usage: vfm-x [OPTIONS] IN [MORE]\n"));
    }
    BOOST_TEST(parse({"--version"}).out == "vfm-x (VFM) " VFM_VERSION "\n");
    const Captured man = parse({"--man"});
    BOOST_TEST(man.status == 0);
    BOOST_TEST(man.out.starts_with(".TH VFM\\-X 1"));
    BOOST_TEST(parse({"--help"}).out.find("--man") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(numbers) {
    const auto number = [](const std::string& text) {
        return cli::number_value(test::sample_tool(), "fuel", text, 1, 100);
    };
    BOOST_TEST(number("1").value_or(0) == 1u);
    BOOST_TEST(number("0x64").value_or(0) == 100u);
    for (const char* text : {"0", "101", "-1", "", "x", "1.2.3.4", "99999999999999999999"}) {
        const auto result = number(text);
        BOOST_REQUIRE(!result.has_value());
        BOOST_TEST(message(result.error()) ==
                   "option '--fuel' takes a number in 1..100, got '" + std::string(text) + "'");
    }
}

BOOST_AUTO_TEST_CASE(amounts_of_bytes) {
    const auto bytes = [](const std::string& text) {
        return cli::bytes_value(test::sample_tool(), "max-memory", text);
    };
    BOOST_TEST(bytes("0").value_or(1) == 0u);
    BOOST_TEST(bytes("65536").value_or(0) == 65536u);
    BOOST_TEST(bytes("64K").value_or(0) == 65536u);
    BOOST_TEST(bytes("512M").value_or(0) == 512u << 20);
    BOOST_TEST(bytes("2G").value_or(0) == uint64_t{2} << 30);
    BOOST_TEST(bytes("0xffffffffffffffff").value_or(0) == UINT64_MAX);
    for (const char* text : {"", "K", "-1", "1.5G", "64KB", "2T", "1.2.3.4", "17179869184G"}) {
        const auto result = bytes(text);
        BOOST_REQUIRE(!result.has_value());
        BOOST_TEST(message(result.error()) ==
                   "option '--max-memory' takes a number of bytes, such as 65536, 64K, 512M or 2G, "
                   "got '" +
                       std::string(text) + "'");
    }
}

BOOST_AUTO_TEST_CASE(choices) {
    const std::string_view words[] = {"xdp", "tc-ingress"};
    const auto choose = [&](std::string_view text) {
        return cli::choice_value(test::sample_tool(), "hook", text, words);
    };
    BOOST_TEST(choose("tc-ingress").value_or(9) == 1u);
    const auto wrong_one = choose("xpd");
    BOOST_REQUIRE(!wrong_one.has_value());
    BOOST_TEST(message(wrong_one.error()) ==
               "option '--hook' is one of xdp, tc-ingress, got 'xpd'");
    BOOST_TEST(wrong_one.error().diagnostics[0].hint.starts_with("did you mean 'xdp'?"));
}

BOOST_AUTO_TEST_SUITE_END()
