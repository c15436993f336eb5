// What lowering wants to know of a function before it writes anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bpfgen/lower.h"

namespace vfm::bpf {

/// Above so many tests, each that leaves the run is written around its exit: see Builder::leave().
/// Below, the verifier has all exits behind the last block, which suits that of Linux 6.18: it
/// looks at the whole program anew at the first exit after instructions that use new stack slots.
inline constexpr size_t kManyTests = 6000;

size_t count_tests(const ir::Function& function, const std::vector<bool>& certain_fuel);

/// By block: the tests that every packet makes first, as far as each is met from the one before
/// alone. Not so many that the verifier, were it to go through the rest once more for each, would
/// have more than kManyTests to go through.
std::vector<bool> find_trunk(const Lowering& lowering, size_t tests);

/// Values that keys or the mask of a rule table are made of, without what is loaded from the
/// packet.
std::vector<bool> made_into_keys(const ir::Function& function, const ir::Cfg& cfg);

/// By value: questions to tables that the end of their block asks, which alone wants to know. A
/// branch takes an answer that is not yet a number.
std::vector<bool> asked_by_ends(const ir::Function& function);

/// Bits that are set whatever happens.
uint64_t certain_bits(const ir::Function& function, ir::ValueId id);

}  // namespace vfm::bpf
