// NOW and LEN in emitted programs: a run reads the clock once, and only where it wants the time.
#pragma once

#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// Of several places that ask for NOW and that one run may come by, one is left: in the nearest
/// block that all of them are reached from and that no cycle comes by. Places on ways that part
/// stay apart: a packet that needs no time does not pay for the clock. Nor does one that compares
/// it with 0 alone, as where a table holds no time.
void read_clock_once(ir::Function& function);

/// LEN is found where the ways to those that ask for it part: it takes some instructions.
void find_length_late(ir::Function& function);

}  // namespace vfm::bpf
