// SIGINT and SIGTERM as a wish to end with what there is.
#pragma once

#include "userspace/io/byte_source.h"

namespace vfm {

/// While it lives the first SIGINT or SIGTERM only asks to stop; a second one ends the process, and
/// so does a run that goes on for kPatience seconds after the first: a filter may run for ever. One
/// at a time.
class StopSignals {
  public:
    static constexpr unsigned kPatience = 2;

    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    /// For a reader that shall end.
    StopRequest request() const;
    /// The run has ended: what is left to do may take its time.
    void run_ended();
};

}  // namespace vfm
