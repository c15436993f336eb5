// The order in which the blocks of a function stand in its code.
#pragma once

#include "core/ir/form/ir.h"
#include "userspace/jit/plan/plan.h"

namespace vfm::jit {

/// Fills `order`, `place_of`, and, for a function with cycles, `loop_heads` and `stretch` of the
/// plan. Near-linear time.
void lay_out(const ir::Function& function, Plan& plan);

}  // namespace vfm::jit
