#include <boost/test/unit_test.hpp>

#include "tests/engines/lookups.h"
#include "tests/engines/sizes.h"
#include "tests/engines/table.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(lookups_test)

BOOST_AUTO_TEST_CASE(every_engine_answers_as_the_declarations_say) {
    check_lookups(test_engines(), sized(1500));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
