// Values that many ways have come together in, each with something else that the kernel's verifier
// knows of them. Where such a value becomes part of an address, the verifier notes that it must
// know it, back to where it was made, and then follows all those ways to their end. It is given a
// copy that has come through a map.
#pragma once

#include <vector>

#include "core/ir/form/analysis.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// By value. `numbers`: what some path makes of numbers alone, by value.
std::vector<bool> find_merged_values(const ir::Function& function, const ir::Cfg& cfg,
                                     const std::vector<bool>& numbers);

}  // namespace vfm::bpf
