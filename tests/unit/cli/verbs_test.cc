#include "core/cli/verbs.h"

#include <boost/test/unit_test.hpp>

#include "tests/unit/cli/captured.h"

BOOST_AUTO_TEST_SUITE(verbs_test)

using namespace vfm;
using test::Captured;

namespace {

const cli::Tool kTool = {"vfm-y", "VERB [OPTIONS]", "Does y.", "Text.", {{"vfm-y list", "lists"}}};
const cli::Tool kAttach = {"vfm-y attach", "IN -o OUT", "Attaches a thing.", "More.", {}};
const cli::Tool kList = {"vfm-y list", "IN -o OUT", "Lists things.", "", {{"vfm-y list x", "x"}}};

Captured run(const std::vector<std::string>& arguments) {
    const std::vector<cli::Verb> verbs = {
        {"attach", &kAttach, [](const auto& rest) { return test::parse_sample(kAttach, rest); }},
        {"list", &kList, [](const auto& rest) { return test::parse_sample(kList, rest); }}};
    return test::captured([&] { return cli::run_verbs(kTool, verbs, arguments); });
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_verb_gets_the_rest) {
    const Captured result = run({"list", "a", "-o", "b"});
    BOOST_TEST(result.status == 0);
    BOOST_TEST(result.out == "in=a out=b\n");
    BOOST_TEST(run({"list"}).err.starts_with("vfm-y list: error: argument IN is missing\n"));
}

BOOST_AUTO_TEST_CASE(no_verb_and_unknown_ones) {
    BOOST_TEST(run({}).status == 2);
    BOOST_TEST(run({}).err == "vfm-y: error: a verb is missing\nhint: vfm-y --help says more\n");
    const Captured typing = run({"atach", "x"});
    BOOST_TEST(typing.status == 2);
    BOOST_TEST(typing.err ==
               "vfm-y: error: unknown verb 'atach'\n"
               "hint: did you mean 'attach'? vfm-y --help says more\n");
    BOOST_TEST(run({"--foo"}).err.starts_with("vfm-y: error: unknown option '--foo'\n"));
    BOOST_TEST(run({"at"}).status == 2);  // no abbreviations
}

BOOST_AUTO_TEST_CASE(help_lists_the_verbs) {
    for (const char* word : {"-h", "--help", "help"}) {
        const Captured result = run({word});
        BOOST_TEST(result.status == 0);
        BOOST_TEST(result.out.find("  attach  Attaches a thing.\n  list    Lists things.\n") !=
                   std::string::npos);
    }
    BOOST_TEST(run({"help", "list"}).out.starts_with("Usage: vfm-y list IN -o OUT\n"));
    BOOST_TEST(run({"list", "--help"}).out == run({"help", "list"}).out);
    BOOST_TEST(run({"--version"}).out == "vfm-y (VFM) " VFM_VERSION "\n");
}

BOOST_AUTO_TEST_CASE(one_man_page_for_all_verbs) {
    const Captured page = run({"--man"});
    BOOST_TEST(page.status == 0);
    const size_t attach = page.out.find(".SS vfm\\-y attach IN \\-o OUT\nAttaches a thing.\n");
    const size_t list = page.out.find(".SS vfm\\-y list IN \\-o OUT\nLists things.\n");
    const size_t status = page.out.find(".SH EXIT STATUS\n");
    BOOST_TEST(page.out.starts_with(".TH VFM\\-Y 1"));
    BOOST_TEST(attach < list);
    BOOST_TEST(list < status);
    BOOST_TEST(status != std::string::npos);
    BOOST_TEST(page.out.find(".TH", 3) == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
