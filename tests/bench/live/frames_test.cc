// The traffic of the live bench is what it says it is; live_traffic() itself holds it to the
// verdicts.
#include <boost/test/unit_test.hpp>
#include <set>
#include <stdexcept>
#include <vector>

#include "tests/bench/live/frames.h"

BOOST_AUTO_TEST_SUITE(frames_test)

using namespace vfm;
using namespace vfm::bench;

namespace {

/// The sum of the header's words: 0xFFFF if its checksum is right.
unsigned header_sum(const Frame& frame) {
    unsigned sum = 0;
    for (size_t at = 14; at < 34; at += 2)
        sum += static_cast<unsigned>(frame[at] << 8 | frame[at + 1]);
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return sum;
}

}  // namespace

BOOST_AUTO_TEST_CASE(frames_are_of_one_size_whole_and_of_many_sources) {
    for (const BenchFilter& filter : filters()) {
        if (filter.name == "F7") break;
        const LiveTraffic traffic = live_traffic(filter.name, filter);
        for (const std::vector<Frame>& side : {traffic.pass, traffic.drop}) {
            BOOST_TEST(side.size() == kLiveFrames);
            std::set<std::vector<uint8_t>> sources;
            for (const Frame& frame : side) {
                BOOST_TEST(frame.size() == side.front().size());
                BOOST_TEST(static_cast<size_t>(frame[16] << 8 | frame[17]) == frame.size() - 14);
                BOOST_TEST(header_sum(frame) == 0xFFFFu);
                sources.insert({frame.begin() + 26, frame.begin() + 30});
            }
            BOOST_TEST(sources.size() > kLiveFrames / 2);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_frame_that_the_filter_decides_otherwise_is_found) {
    BOOST_CHECK_THROW(live_traffic("F1", filters()[1]), std::runtime_error);
    BOOST_CHECK_THROW(live_traffic("F5", filters()[0]), std::runtime_error);
    BOOST_CHECK_THROW(live_traffic("F7", filters()[0]), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()
