// Random programs that hold more values at once than a machine has registers.
#pragma once

#include <string>

#include "tests/harness/rng.h"

namespace vfm::test {

/// Assembly. Up to 250 values wait on the stack while others are computed, looked up and branched
/// on, with `loops` also some times over; then all are used. It reads the first 64 bytes.
std::string deep_program(Rng& rng, bool loops = false);

}  // namespace vfm::test
