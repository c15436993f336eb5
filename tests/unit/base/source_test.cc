#include <boost/test/unit_test.hpp>

#include "core/base/source.h"

BOOST_AUTO_TEST_SUITE(source_test)

using namespace vfm;

namespace {

void at(const SourceFile& source, uint32_t offset, uint32_t line, uint32_t column) {
    const Position position = source.position(offset);
    BOOST_TEST(position.line == line, "offset " << offset << ": line " << position.line);
    BOOST_TEST(position.column == column, "offset " << offset << ": column " << position.column);
}

}  // namespace

BOOST_AUTO_TEST_CASE(positions_count_bytes_from_one) {
    const SourceFile source("f", "ab\n\n\tc");
    at(source, 0, 1, 1);
    at(source, 2, 1, 3);  // the newline belongs to its line
    at(source, 3, 2, 1);
    at(source, 4, 3, 1);
    at(source, 5, 3, 2);
    at(source, 6, 3, 3);
    at(source, 1000, 3, 3);
}

BOOST_AUTO_TEST_CASE(lines_come_without_their_ends) {
    const SourceFile source("f", "one\r\ntwo\n\nfour");
    BOOST_TEST(source.line(1) == "one");
    BOOST_TEST(source.line(2) == "two");
    BOOST_TEST(source.line(3) == "");
    BOOST_TEST(source.line(4) == "four");
    BOOST_TEST(source.line(0) == "");
    BOOST_TEST(source.line(5) == "");
    BOOST_TEST(source.line_count() == 4u);
}

BOOST_AUTO_TEST_CASE(a_last_newline_begins_no_line) {
    BOOST_TEST(SourceFile("f", "a\n").line_count() == 1u);
    BOOST_TEST(SourceFile("f", "a").line_count() == 1u);
    BOOST_TEST(SourceFile("f", "").line_count() == 0u);
    BOOST_TEST(SourceFile("f", "\n").line_count() == 1u);
    at(SourceFile("f", "a\n"), 2, 2, 1);
}

BOOST_AUTO_TEST_SUITE_END()
