// Packets for differential tests: mostly plausible, some broken in one place, some cut, some noise.
// Addresses and ports come from small pools, so that flow keys meet again.
#pragma once

#include "core/base/bytes.h"
#include "tests/harness/rng.h"

namespace vfm::test {

/// At most 400 bytes, rarely more.
Bytes random_packet(Rng& rng);

}  // namespace vfm::test
