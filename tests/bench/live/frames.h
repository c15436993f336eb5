// The traffic of the live bench: for each filter, frames that it passes and frames that it drops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/bench/filters.h"

namespace vfm::bench {

/// How many frames a side has; the generator draws from them at random.
constexpr size_t kLiveFrames = 64;
/// Where the frames go: the MAC of the measured interface, and an address that is nobody's, by
/// which the host knows them.
constexpr uint8_t kLiveMac[6] = {0x02, 0, 0, 0, 0, 0x01};
constexpr uint32_t kLiveAddress = 0x0A4D0001;

using Frame = std::vector<uint8_t>;

struct LiveTraffic {
    std::vector<Frame> pass, drop;  ///< kLiveFrames each; those of one side have one size
};

/// Valid IPv4 frames, the shortest that there are where the filter lets them be, of many sources;
/// each filter's alternatives and its reasons to drop take turns. The same ones at every call.
/// `name` says whose traffic, `filter` is what the interpreter then holds it to. Throws
/// std::runtime_error if there is no such traffic or a frame has the other verdict.
LiveTraffic live_traffic(std::string_view name, const BenchFilter& filter);

}  // namespace vfm::bench
