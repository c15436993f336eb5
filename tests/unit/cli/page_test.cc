#include "core/cli/page.h"

#include <boost/test/unit_test.hpp>

#include "core/cli/exit_status.h"
#include "core/cli/roff.h"
#include "tests/unit/cli/captured.h"

BOOST_AUTO_TEST_SUITE(page_test)

using namespace vfm;

BOOST_AUTO_TEST_CASE(lines_break_between_words) {
    using Lines = std::vector<std::string>;
    BOOST_TEST((cli::wrap("a bb ccc", 4) == Lines{"a bb", "ccc"}));
    BOOST_TEST((cli::wrap("a bb ccc", 3) == Lines{"a", "bb", "ccc"}));
    BOOST_TEST((cli::wrap("abcdef g", 3) == Lines{"abcdef", "g"}));
    BOOST_TEST((cli::wrap("", 3) == Lines{""}));
    BOOST_TEST((cli::wrap("a\nb", 9) == Lines{"a b"}));
}

BOOST_AUTO_TEST_CASE(help) {
    BOOST_TEST(cli::help_text(test::sample_tool(), test::sample_options()) ==
               "Usage: vfm-x [OPTIONS] IN [MORE]\n"
               "\n"
               "Does x.\n"
               "\n"
               "Options:\n"
               "  -o, --output OUT  where it goes\n"
               "  -v, --verbose     more\n"
               "      --fuel N      instructions\n"
               "\n"
               "Examples:\n"
               "  vfm-x a -o b\n"
               "      does it\n");
}

BOOST_AUTO_TEST_CASE(descriptions_stay_in_their_column) {
    cli::po::options_description options;
    options.add_options()("x", std::string(20, 'a').append(" ").append(60, 'b').c_str());
    const std::string help = cli::help_text(test::sample_tool(), options);
    BOOST_TEST(help.find("      --x  aaaaaaaaaaaaaaaaaaaa\n           bbbb") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(man_pages) {
    const std::string page = cli::man_page(test::sample_tool(), test::sample_options());
    const size_t name = page.find(".SH NAME\nvfm\\-x \\- Does x.\n");
    const size_t synopsis = page.find(".SH SYNOPSIS\n.B vfm\\-x\n[OPTIONS] IN [MORE]\n");
    const size_t description = page.find(".SH DESCRIPTION\n.PP\nFirst paragraph.\n.PP\n");
    const size_t options = page.find(".SH OPTIONS\n.TP\n.B \\-o, \\-\\-output OUT\n");
    const size_t status = page.find(".SH EXIT STATUS\n");
    const size_t examples = page.find(".SH EXAMPLES\n.TP\n.B vfm\\-x a \\-o b\ndoes it\n");
    BOOST_TEST(name < synopsis);
    BOOST_TEST(synopsis < description);
    BOOST_TEST(description < options);
    BOOST_TEST(options < status);
    BOOST_TEST(status < examples);
    BOOST_TEST(examples != std::string::npos);
    // What a text begins with is no request to roff.
    BOOST_TEST(page.find("\\&.second\\eparagraph\n") != std::string::npos);
}

// roff takes quotes around what a request is given for its own.
BOOST_AUTO_TEST_CASE(quotes_of_a_term_stay) {
    cli::Page page;
    page.item("\"text\"", "a \"name\"");
    BOOST_TEST(page.text() == ".TP\n.B \\(dqtext\\(dq\na \"name\"\n");
}

BOOST_AUTO_TEST_CASE(every_exit_status_has_its_row) {
    int next = 0;
    for (const cli::ExitStatus& row : cli::exit_statuses())
        BOOST_TEST(static_cast<int>(row.status) == next++);
    BOOST_TEST(next == 6);
}

BOOST_AUTO_TEST_SUITE_END()
