// What a loop carries round, as parameters of its heads.
#pragma once

#include "bpfgen/loop_heads.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// Behind it nothing but parameters and numbers is alive where a loop head begins: what was made
/// before and is used behind has become one. The entry has no operation. `heads` are those of the
/// function; blocks may be appended.
void carry_values(ir::Function& function, LoopHeads& heads);

}  // namespace vfm::bpf
