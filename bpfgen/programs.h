// How many programs units become: one wherever the kernel would take that.
#pragma once

#include <vector>

#include "bpfgen/translate.h"

namespace vfm::bpf {

/// Units in the order in which packets meet them; `units` as they were given to generate(). The
/// programs follow each other: see LaterProgram. Fails as translate() does, and if they would be
/// more than kMostPrograms.
std::expected<std::vector<Program>, UnitFailure> programs_of(std::span<const UnitInput> inputs,
                                                             std::span<const Unit> units,
                                                             const Options& options);

}  // namespace vfm::bpf
