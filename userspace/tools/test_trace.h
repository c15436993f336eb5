// A filter over the packets of a capture, with an explanation of those that somebody asks for.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/front/front.h"
#include "core/run/program.h"
#include "core/run/trace.h"
#include "core/verify/verify.h"
#include "userspace/interp/stepper.h"

namespace vfm {

/// Runs of one filter on one packet after the other. Tables and RAND live from run to run, whoever
/// makes it: the fast interpreter, or the Stepper, which says what it evaluates. Not thread safe.
class TracedRuns final : private Tracer {
  public:
    /// Fails with Status::refused where a host function is missing.
    static Result<std::unique_ptr<TracedRuns>> make(const Filter& filter,
                                                    const VerifiedModule& program);

    /// True if no run changes what a later one gives.
    bool is_stateless() const { return !has_tables_ && !has_chance_; }
    /// Without an explanation: steps() is empty.
    Outcome run(const Packet& packet);
    Outcome trace(const Packet& packet);
    /// Of the last trace(), as Tracer is told them.
    const std::vector<TraceStep>& steps() const { return steps_; }
    const VerifiedModule& program() const { return program_; }

  private:
    TracedRuns(const VerifiedModule& program);
    void step(const TraceStep& step) override { steps_.push_back(step); }

    VerifiedModule program_;
    bool has_tables_ = false;
    bool has_chance_ = false;
    std::shared_ptr<FlowTables> tables_;
    std::unique_ptr<Instance> fast_;  // on the same tables; with RAND nobody uses it
    std::optional<Stepper> stepper_;
    std::vector<TraceStep> steps_;
};

}  // namespace vfm
