// --against OTHER: the packets that two filters judge differently.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "userspace/tools/test_steps.h"
#include "userspace/tools/test_trace.h"

namespace vfm {

struct TestOptions;

/// One of the two.
class ComparedFilter {
  public:
    static Result<ComparedFilter> make(Filter filter, const VerifiedModule& program);

    Outcome run(const Packet& packet);
    // Behind each run one of these, with its packet.
    /// What decided.
    Decision decision(const Packet& packet);
    /// Nobody asks.
    void go_on(const Packet& packet);
    const Filter& filter() const { return filter_; }
    const StepTexts& texts() const { return *texts_; }

  private:
    explicit ComparedFilter(Filter filter) : filter_(std::move(filter)) {}

    Filter filter_;
    std::unique_ptr<TracedRuns> runs_;
    /// Where runs leave something behind: the same ones once more, which are a packet behind until
    /// it is known whether that packet is to be explained.
    std::unique_ptr<TracedRuns> behind_;
    std::unique_ptr<StepTexts> texts_;
};

/// Both on the same packets, and a report of those that differ.
class FilterComparison {
  public:
    FilterComparison(ComparedFilter first, ComparedFilter second, const TestOptions& options,
                     std::FILE* out);

    /// `made`: the packet is in no capture, so its bytes are shown.
    void at(uint64_t number, const Packet& packet, bool made);
    /// Groups and totals; the exit status.
    int finish();

  private:
    /// Packets that differ in one way.
    struct Group {
        uint64_t packets = 0;
        std::vector<uint64_t> first;  // their numbers
        Bytes bytes;                  // of the first, where it was made
    };
    using Way = std::pair<std::string, std::string>;

    void line(uint64_t number, const Packet& packet, bool made, const Outcome& a, const Outcome& b);

    ComparedFilter first_, second_;
    std::FILE* out_;
    bool json_, verbose_;
    uint64_t packets_ = 0, differ_ = 0;
    std::map<Way, Group> groups_;
    std::vector<Way> order_;  // of their first packets
};

/// The whole run of `vfm-test --against`; the exit status.
Result<int> run_against(const TestOptions& options, const Filter& filter,
                        const VerifiedModule& program, std::FILE* out);

}  // namespace vfm
