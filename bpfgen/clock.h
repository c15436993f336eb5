// NOW in emitted programs: the clock is read at one place of a run.
#pragma once

#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// Of several places that ask for NOW one is left, in the nearest block that all of them are
/// reached from and that no cycle comes by: a packet that needs no time does not pay for the clock.
void read_clock_once(ir::Function& function);

}  // namespace vfm::bpf
