// How many tests a function makes, and which of them every packet makes first.
#pragma once

#include <cstddef>
#include <vector>

#include "bpfgen/layout.h"
#include "core/ir/form/analysis.h"

namespace vfm::bpf {

/// Above so many tests, each that leaves the run is written around its exit: see Builder::leave().
/// Below, the verifier has all exits behind the last block, which suits that of Linux 6.18: it
/// looks at the whole program anew at the first exit after instructions that use new stack slots.
inline constexpr size_t kManyTests = 6000;

/// `certain_fuel`: see fuel.h.
size_t count_tests(const ir::Function& function, const std::vector<bool>& certain_fuel);

/// By block: the tests that every packet makes first, as far as each is met from the one before
/// alone. Not so many that the verifier, were it to go through the rest once more for each, would
/// have more than kManyTests to go through.
std::vector<bool> find_trunk(const ir::Function& function, const ir::Cfg& cfg, const Layout& layout,
                             size_t tests);

}  // namespace vfm::bpf
