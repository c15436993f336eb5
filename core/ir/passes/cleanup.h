// What passes that drop branches and operations leave behind, taken away.
#pragma once

#include "core/ir/form/ir.h"

namespace vfm::ir {

/// Drops blocks that cannot be reached any more. Does what remove_unreachable() does, in less time,
/// where blocks and edges only went from a function whose blocks were in reverse postorder.
void keep_reachable(Function& function);

/// Takes out operations without effect whose result nobody uses. Blocks are in reverse postorder.
void sweep(Function& function);

/// Numbers the values that stand in blocks without gaps, in the order of the blocks; constants,
/// which nobody reads as values, last.
void renumber(Function& function);

}  // namespace vfm::ir
