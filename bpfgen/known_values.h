// Values of which the kernel's verifier must keep what it knows: pointers, and the bounds of
// numbers that become part of one. It knows them in registers and in the frame. What comes out of a
// map is a number of which it knows nothing.
#pragma once

#include <vector>

#include "bpfgen/mir.h"

namespace vfm::bpf {

/// By virtual register.
std::vector<bool> find_known_values(const MFunction& function);

}  // namespace vfm::bpf
