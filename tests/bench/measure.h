// Comparing verdicts and taking times.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/bench/contenders.h"
#include "tests/bench/traces.h"

namespace vfm::bench {

/// The first packet on which a contender differs from the first of the field.
struct Mismatch {
    std::string engine, reference, filter, trace;
    size_t packet = 0;  ///< from 1
    bool expected = false, got = false;
};

/// Runs one filter over one trace in every contender and compares each verdict with that of the
/// first. `accepted` becomes the number of packets that the first accepts.
std::optional<Mismatch> compare(std::span<const Contender> contenders, const BenchFilter& filter,
                                const Trace& trace, size_t& accepted);

struct Effort {
    unsigned passes = 11;    ///< for each contender, taken in turns
    double pass_ms = 4;      ///< least time of a pass
    double compile_ms = 60;  ///< least time spent on the compile times of a filter
};

/// ns per packet of each pass, a row for each contender; empty for one without this filter. The
/// contenders take turns, so that noise hits all alike. Throws std::runtime_error if a contender
/// accepts another number of packets than before.
std::vector<std::vector<double>> measure(std::span<const Contender> contenders,
                                         const BenchFilter& filter, Trace& trace, size_t accepted,
                                         const Effort& effort);

/// Median microseconds of one compilation, or nothing if there is none to measure.
std::optional<double> measure_compile(const Contender& contender, const BenchFilter& filter,
                                      const Effort& effort);

/// Keeps this thread on one CPU, the last that it may use unless one is named; returns which.
std::optional<int> pin_to_cpu(std::optional<int> cpu);

}  // namespace vfm::bench
