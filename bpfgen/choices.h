// Values of which a comparison chooses, by branches: the kernel's machine has neither a conditional
// move nor a comparison that gives a number, which takes it four to nine instructions.
#pragma once

#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// x * (a < b), and x | (x = 0) * number, become two ways that meet again with the value; the
/// number is on the way that is left for later. Not more than a verifier follows in no time.
void choose_by_branches(ir::Function& function);

}  // namespace vfm::bpf
