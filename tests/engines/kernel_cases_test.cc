// The hand-written cases in the kernel.
#include <boost/test/unit_test.hpp>

#include "tests/engines/case_run.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(kernel_cases_test)

BOOST_AUTO_TEST_CASE(cases_in_the_kernel) {
    const EngineKind* kernel = find_engine("kernel");
    BOOST_TEST_REQUIRE(kernel != nullptr);
    check_cases({*kernel}, 0.9);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
