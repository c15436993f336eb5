// The back end proper: IR functions in, one for each unit, instructions and maps out.
#pragma once

#include "bpfgen/object.h"
#include "bpfgen/unit_code.h"

namespace vfm::bpf {

/// Units in the order in which packets meet them; `units` as they were given to generate(). The
/// lines of the result have code offsets but no positions, and there is no source yet. Fails as
/// generate() does if a function needs more registers and stack than there are.
std::expected<Program, UnitFailure> translate(std::vector<UnitInput> inputs,
                                              std::span<const Unit> units, const Options& options);

}  // namespace vfm::bpf
