// A filter expression as classic BPF in the kernel's form. Apart from what includes the kernel's
// <linux/bpf.h>, whose names libpcap has, too.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

namespace vfm::bench {

/// Libpcap's program, optimised, with every verdict made 0. Throws std::runtime_error with
/// libpcap's reason.
std::vector<sock_filter> classic_rejecting_all(const std::string& expression);

}  // namespace vfm::bench
