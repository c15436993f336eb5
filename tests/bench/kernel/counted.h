// How many instructions a program executes, on the machine in user space.
#pragma once

#include "tests/bench/kernel/subjects.h"

namespace vfm::bench {

/// Means over the heads of a subject, each in a frame as it is timed. A helper is one instruction.
struct Executed {
    double ours = 0, clang = 0;
};

/// Runs both side by side: fails with Status::disagree where they decide differently.
Result<Executed> count_executed(const Subject& subject);

}  // namespace vfm::bench
