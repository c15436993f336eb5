// The back end proper: IR functions in, one for each unit, instructions and maps out.
#pragma once

#include "bpfgen/object.h"
#include "bpfgen/unit_code.h"

namespace vfm::bpf {

/// Units in the order in which packets meet them; `units` as they were given to generate(). The
/// lines of the result have code offsets but no positions, and there is no source yet. Fails as
/// generate() does if a function needs more registers and stack than there are. `careful`: see
/// Care.
std::expected<Program, UnitFailure> translate(const std::vector<UnitInput>& inputs,
                                              std::span<const Unit> units, const Options& options,
                                              bool careful);

}  // namespace vfm::bpf
