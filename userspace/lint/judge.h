// Runs of the reference engine: what filters, and parts of them, do with packets.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "core/base/result.h"
#include "core/run/trace.h"
#include "core/run/verdict.h"
#include "userspace/interp/stepper.h"
#include "userspace/lint/probes.h"

namespace vfm::lint {

/// One filter. Not thread safe.
class Judge {
  public:
    /// Status::refused where the filter calls functions of a host: here is none.
    static Result<Judge> make(Module module);

    /// Nothing is remembered of what ran before.
    void forget();
    /// Remembers what `other`, whose tables are declared alike, remembers from now on.
    void share(const Judge& other);
    /// `tracer`, if there is one, is told what the run evaluates.
    Outcome run(const Probe& packet, Tracer* tracer = nullptr);
    Verdict verdict(const Probe& packet) { return Verdict::of(run(packet)); }
    /// The rule of a counter group that decided the last run; nothing if none was reached.
    std::optional<uint32_t> decided(uint32_t group) const;

  private:
    explicit Judge(VerifiedModule program);
    Result<> use(std::shared_ptr<FlowTables> tables);

    VerifiedModule program_;
    std::shared_ptr<FlowTables> tables_;
    std::shared_ptr<Counters> counters_;
    std::optional<Stepper> stepper_;
    bool used_ = true;
};

}  // namespace vfm::lint
