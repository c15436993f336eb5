// docs/vflisp.md: every field, form and name of a number is in its tables, and every example
// compiles and does in bytecode what its tree says.
#include <boost/test/unit_test.hpp>

#include "core/base/io.h"
#include "tests/unit/lisp/both.h"
#include "tests/unit/lisp/frames.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(guide_test)

namespace {

std::string guide() { return *read_text(std::string(VFM_SOURCE_DIR) + "/docs/vflisp.md"); }

std::string in_table(std::string text) {
    for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
        text.insert(at, "\\");
    return text;
}

/// Fenced blocks of VFLisp, and the last column of tables where that is a list in backquotes.
std::vector<std::string> examples(const std::string& text) {
    std::vector<std::string> out;
    const std::string fence = "```lisp\n", mark = "| `(";
    for (size_t at = 0; (at = text.find(fence, at)) != std::string::npos;) {
        at += fence.size();
        out.push_back(text.substr(at, text.find("```", at) - at));
    }
    // The last cell of a row that ends with such a list.
    for (size_t end = 0; (end = text.find("` |\n", end)) != std::string::npos; ++end) {
        const size_t begin = text.rfind(mark, end);
        if (begin == std::string::npos || text.find('\n', begin) != end + 3) continue;
        std::string example = text.substr(begin + mark.size() - 1, end - begin - mark.size() + 1);
        for (size_t bar; (bar = example.find("\\|")) != std::string::npos;) example.erase(bar, 1);
        out.push_back(example);
    }
    return out;
}

BOOST_AUTO_TEST_CASE(every_example_of_the_guide_runs) {
    const std::vector<std::string> all = examples(guide());
    BOOST_TEST(all.size() > 100u);
    for (const std::string& example : all) {
        BOOST_TEST_CONTEXT(example) {
            BOOST_TEST(errors_of(example) == Lines{});
            // No host is here to call.
            if (!errors_of(example).empty() || example.find("(call") != std::string::npos) continue;
            Both both(example);
            for (const Bytes& packet : {tcp4(), tcp6(), udp4(), arp(), cut(tcp4(), 20)})
                both.run(packet, 1000000000);
            both.compare_flows();
        }
    }
}

BOOST_AUTO_TEST_CASE(the_guide_has_all_of_the_tables) {
    const std::string text = guide();
    const auto has_row = [&](std::string_view name, std::string_view sentence) {
        const size_t at = text.find("| `" + in_table(std::string(name)) + "` |");
        BOOST_TEST_REQUIRE(at != std::string::npos, name << " has no row");
        const std::string what = in_table(std::string(sentence));
        bool found = false;  // forms of two counts of arguments have two rows
        for (size_t row = at; row != std::string::npos && !found;
             row = text.find("| `" + in_table(std::string(name)) + "` |", row + 1))
            found = text.substr(row, text.find('\n', row) - row).find(what) != std::string::npos;
        BOOST_TEST(found, name << " is not said to be: " << sentence);
    };
    for (const lisp::HeaderField& field : lisp::all_header_fields())
        has_row(field.name, field.sentence);
    for (const lisp::FieldInfo& field : lisp::all_fields()) has_row(field.name, field.sentence);
    for (const lisp::FormInfo& form : lisp::all_forms()) has_row(form.name, form.sentence);
    for (const lisp::NamedNumber& number : lisp::all_numbers()) has_row(number.name, number.what);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
