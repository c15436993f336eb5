// --expect FILE: what each packet of a capture should come to.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "userspace/tools/test_loop.h"
#include "userspace/tools/test_steps.h"
#include "userspace/tools/test_trace.h"

namespace vfm {

/// A line of the file: `N VERDICT [RULE]`.
struct Expected {
    uint64_t packet = 0;
    std::string verdict;           ///< as verdict_name() says it
    std::optional<uint32_t> rule;  ///< of the group `rules`
    std::string rule_text;         ///< as it was written
    uint32_t line = 0;
};

/// In the order of the packets. A line that is none is an error at its place, and so is a rule that
/// `module` does not have and a second line for a packet; all of them are reported.
Result<std::vector<Expected>> parse_expected(const std::shared_ptr<const SourceFile>& text,
                                             const Module& module);

/// Compares packet after packet with a file, and prints what is not so.
class Expectations {
  public:
    static Result<Expectations> load(const std::string& path, const Filter& filter,
                                     const VerifiedModule& program, std::FILE* out, bool json);

    /// Every packet of the run, in order.
    void at(const PacketResult& result);
    /// What was expected of packets behind the last one.
    void finish();
    bool failed() const { return failed_; }

  private:
    Expectations(std::FILE* out, bool json) : out_(out), json_(json) {}
    void compare(const Expected& expected, const PacketResult& result);
    void report(const Expected& expected, const PacketResult* result, std::string_view got,
                const Decision* decision);

    std::FILE* out_;
    bool json_;
    std::vector<Expected> all_;
    size_t next_ = 0;       // of all_
    uint64_t packets_ = 0;  // seen
    bool failed_ = false;
    std::unique_ptr<TracedRuns> runs_;  // where rules are asked for
    std::unique_ptr<StepTexts> texts_;
};

}  // namespace vfm
