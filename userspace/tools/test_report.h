// How vfm-test shows what a program did to a capture: for people, or as JSON lines.
#pragma once

#include <array>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "core/front/front.h"
#include "userspace/tools/test_loop.h"
#include "userspace/tools/test_run.h"

namespace vfm {

/// What the summary counts. Skipped packets are in none of the other numbers.
struct Tally {
    uint64_t packets = 0;
    uint64_t accept = 0;  ///< a non-zero value
    uint64_t drop = 0;
    std::array<uint64_t, kErrorKinds> errors{};  ///< by error_index()
    uint64_t skipped = 0;                        ///< by the kernel
    uint64_t skipped_link = 0;                   ///< their link header states no EtherType

    void add(const PacketResult& result);
    /// Packets with run-time errors.
    uint64_t failed() const;
};

/// What -s adds to the summary.
struct Statistics {
    std::vector<Timing> timings;
    std::vector<LineCount> lines;           ///< most instructions first
    std::vector<std::vector<Count>> rules;  ///< as Instance::counters() gives them
    size_t kept = 0;                        ///< packets that could be timed: the first ones
    bool all_kept = true;                   ///< those are all
};

/// Writes to one stream, in the order packets, flows, rules, summary.
class Report {
  public:
    Report(std::FILE* out, bool json, const Module& module)
        : out_(out), json_(json), module_(module) {}

    void packet(const PacketResult& result);
    /// Sorted by table and key.
    void flows(std::vector<FlowEntry> entries);
    /// A line for each counter of the module, those of a group in order.
    void rules(const std::vector<std::vector<Count>>& counters);
    /// `statistics` may be null.
    void summary(std::string_view engine, const Tally& tally, uint64_t refused_stores,
                 const Statistics* statistics);

  private:
    std::string place(uint32_t offset) const;
    void times(const Statistics& statistics, uint64_t packets);
    void most_hit(const std::vector<std::vector<Count>>& counters);
    void lines(std::span<const LineCount> all);

    std::FILE* out_;
    bool json_;
    const Module& module_;
};

/// Packet number, both results, the source line and the packet's bytes, for stderr.
std::vector<Diagnostic> explain(const Disagreement& disagreement, const Filter& filter,
                                uint64_t number);
/// Sixteen bytes a line with offset and ASCII; lines that are as the one before, but the last, are
/// one `*`.
std::string hex_dump(ByteView bytes);

}  // namespace vfm
