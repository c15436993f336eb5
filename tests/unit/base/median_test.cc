// The median, with an odd and an even number of values.
#include "core/base/median.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(median_test)

BOOST_AUTO_TEST_CASE(the_middle_one_or_the_mean_of_the_two_middle_ones) {
    BOOST_TEST(vfm::median({7}) == 7);
    BOOST_TEST(vfm::median({9, 1}) == 5);
    BOOST_TEST(vfm::median({5, 1, 9}) == 5);
    BOOST_TEST(vfm::median({1002, 8.5, 9.5, 8}) == 9);
}

BOOST_AUTO_TEST_SUITE_END()
