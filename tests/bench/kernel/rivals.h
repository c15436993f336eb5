// What others take for the same questions, as far as they can be asked: for orientation, not
// judged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/bench/kernel/measured.h"

namespace vfm::bench {

/// ns a packet over doing nothing at the same place: medians of paired differences.
struct RivalTime {
    std::string filter;
    double fixed = 0;
    std::optional<double> varied{};
    std::string note{};  ///< what is to be said of this filter
};

struct Rival {
    std::string name;
    std::string how;      ///< how it was measured, in a sentence
    std::string skipped;  ///< why it was not, or nothing
    std::vector<RivalTime> times{};
};

/// bpf_filter as everybody meets it: classic BPF of libpcap, attached to a socket.
Rival socket_filter(const std::vector<Subject>& subjects, const Plan& plan);
/// The programs of xdp-filter.
Rival xdp_filter(const std::vector<Subject>& subjects, const Plan& plan);
/// nftables at the ingress hook of a device.
Rival nftables(const std::vector<Subject>& subjects, const Plan& plan);

/// ns between two values of the same round: the median over all rounds.
double median_difference(const std::vector<double>& one, const std::vector<double>& other);

}  // namespace vfm::bench
