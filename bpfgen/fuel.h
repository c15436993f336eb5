// Fuel that nothing depends on. Where a run can have taken at most so much that the next amount is
// there, no test is made, and where no test follows, nothing is counted. What it must have run out
// of ends there.
#pragma once

#include <vector>

#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// Drops fuel operations that are not needed, and what stands behind one that ends every run.
/// Gives, by value, which of those that stay cannot end a run. A function with loops stays as it
/// is.
std::vector<bool> settle_fuel(ir::Function& function);

}  // namespace vfm::bpf
