// Tests whose outcome the way to them has decided.
#pragma once

#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// Edges to a block that does nothing but test once more whether a value equals a number lead where
/// that test leads, if what was tested before, within a few blocks, says so. Of a chain whose links
/// each ask for an IP version first only the first is asked then.
void skip_repeated_tests(ir::Function& function);

}  // namespace vfm::bpf
