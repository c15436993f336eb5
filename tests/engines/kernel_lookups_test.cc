// The same in the kernel.
#include <boost/test/unit_test.hpp>

#include "tests/engines/lookups.h"
#include "tests/engines/sizes.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(kernel_lookups_test)

BOOST_AUTO_TEST_CASE(the_kernel_answers_as_the_declarations_say) {
    const EngineKind* kernel = find_engine("kernel");
    BOOST_TEST_REQUIRE(kernel != nullptr);
    if (const std::string why = kernel->missing(); !why.empty()) {
        BOOST_TEST_MESSAGE("skipped: " << why);
        return;
    }
    check_lookups({*kernel}, sized(150));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
