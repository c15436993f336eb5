// What one packet opens for another: a filter that remembers connections lets in what answers a
// packet that it has seen.
#pragma once

#include <vector>

#include "userspace/lint/analysis.h"

namespace vfm::lint {

/// What is known of packets that answer those on whose way the filter writes a flow table: source
/// and destination exchanged. At most kMostOpenings.
std::vector<Facts> openings(const Analysis& analysis, size_t filter);

inline constexpr size_t kMostOpenings = 16;

}  // namespace vfm::lint
