// The nine filters, each said once in VFLisp and once for libpcap; filters.c says them in C. All
// look at fixed offsets, and all reject a packet that is too short for a field they look at.
#pragma once

#include <span>
#include <string>

namespace vfm::bench {

struct BenchFilter {
    std::string name;       ///< "F1"
    std::string what = {};  ///< one phrase, from names.def
    std::string lisp;       ///< VFLisp
    std::string pcap;       ///< a pcap expression; empty if there is none with this meaning
    bool stateful = false;
};

/// All of filter_names(), made at the first call. Thread safe.
std::span<const BenchFilter> filters();

}  // namespace vfm::bench
