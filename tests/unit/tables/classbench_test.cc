#include "tests/harness/classbench.h"

#include <fmt/core.h>

#include <boost/test/unit_test.hpp>

#include "core/tables/prepared_rules.h"
#include "tests/unit/tables/plain_rules.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(classbench_test)

namespace {

BOOST_AUTO_TEST_CASE(lists_of_classbench) {
    const auto folder = test::classbench_folder(VFM_SOURCE_DIR);
    if (!std::filesystem::is_directory(folder)) {
        BOOST_TEST_MESSAGE("skipped: there is no " << folder);
        return;
    }
    size_t lists = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const RuleTable table = test::read_classbench(entry.path());
        BOOST_TEST_REQUIRE(table.rows.size() > 500u);
        const auto prepared = PreparedRules::make(table);
        test::Rng rng(1);
        for (int i = 0; i < 600; ++i) {
            const auto operands = test::classbench_operands(table, rng);
            BOOST_TEST_REQUIRE(prepared->match(operands.data()) ==
                               test::plain_match(table, operands));
        }
        ++lists;
    }
    BOOST_TEST(lists > 0u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
