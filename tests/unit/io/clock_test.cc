// Ticks of every resolution in nanoseconds, at both ends of what they can be.
#include "userspace/io/clock.h"

#include <boost/test/unit_test.hpp>

namespace vfm {
BOOST_AUTO_TEST_SUITE(clock_test)

namespace {

struct Row {
    uint8_t resolution;
    int64_t offset;
    uint64_t ticks, nanoseconds;
};

constexpr uint8_t binary(uint8_t power) { return static_cast<uint8_t>(0x80 | power); }

constexpr Row kRows[] = {
    {0, 0, 5, 5'000'000'000},
    {3, 0, 5'001, 5'001'000'000},
    {6, 0, 5'000'001, 5'000'001'000},
    {9, 0, 5'000'000'001, 5'000'000'001},
    {12, 0, 5'000'000'001'999, 5'000'000'001},
    {18, 0, UINT64_MAX, 18'446'744'073},
    {28, 0, UINT64_MAX, 1},
    {29, 0, UINT64_MAX, 0},
    {127, 0, UINT64_MAX, 0},
    {binary(0), 0, 5, 5'000'000'000},
    {binary(10), 0, 1536, 1'500'000'000},
    {binary(64), 0, uint64_t{1} << 63, 500'000'000},
    {binary(127), 0, UINT64_MAX, 0},
    // The ends of the range.
    {9, 0, UINT64_MAX, UINT64_MAX},
    {6, 0, UINT64_MAX / 1000, UINT64_MAX / 1000 * 1000},
    {6, 0, UINT64_MAX / 1000 + 1, UINT64_MAX},
    {0, 0, UINT64_MAX, UINT64_MAX},
    {binary(0), 0, UINT64_MAX, UINT64_MAX},
    // Seconds to add.
    {6, 7, 1, 7'000'001'000},
    {6, -1, 1'000'001, 1'000},
    {6, -2, 1'000'001, 0},
    {9, INT64_MAX, 0, UINT64_MAX},
    {9, INT64_MIN, UINT64_MAX, 0},
};

BOOST_AUTO_TEST_CASE(every_resolution) {
    for (const Row& row : kRows) {
        BOOST_TEST_CONTEXT(int(row.resolution) << " " << row.offset << " " << row.ticks) {
            const CaptureClock clock{.resolution = row.resolution, .offset = row.offset};
            BOOST_TEST(clock.nanoseconds(row.ticks) == row.nanoseconds);
        }
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
