// Command line of bench_kernel.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/kernel/measured.h"

namespace vfm::bench {

struct KernelOptions {
    bool quick = false;  ///< few rounds, small curves: that everything works
    bool without_curves = false;
    bool without_beside = false;
    std::vector<std::string> only;  ///< these filters; all if empty
    std::optional<int> cpu;
    Plan plan;
    std::vector<unsigned> sizes = {10, 100, 1'000, 10'000};  ///< of the curves

    bool takes(const std::string& name) const;
};

/// The options, or what is wrong with them. Whether a CPU is there is found out later.
std::expected<KernelOptions, std::string> parse_kernel_options(
    const std::vector<std::string>& arguments);

}  // namespace vfm::bench
