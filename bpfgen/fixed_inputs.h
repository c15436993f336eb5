// NOW and RAND of a test build whose results are compared: not the kernel's, but what the tester
// has put into the result map.
#pragma once

#include <cstdint>

#include "bpfgen/emitter.h"

namespace vfm::bpf {

/// In place of a call of the helper: r0 is what the result map has instead, r1 and r2 are lost.
/// False, and nothing is written, if the helper gives no such input.
bool fixed_input(Emitter& emitter, int32_t helper);

}  // namespace vfm::bpf
