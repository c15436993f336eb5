// What only some ways want is computed where they part from the others.
#pragma once

#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// Moves what depends on the packet and one value at most to the last place that all its uses are
/// behind. A function with loops stays as it is.
void sink_values(ir::Function& function);

}  // namespace vfm::bpf
