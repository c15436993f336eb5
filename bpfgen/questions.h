// What lowering wants to know of questions to tables.
#pragma once

#include <cstdint>
#include <vector>

#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// By value: questions to tables that the end of their block asks, which alone wants to know. A
/// branch takes an answer that is not yet a number.
std::vector<bool> asked_by_ends(const ir::Function& function);

/// Bits that are set whatever happens.
uint64_t certain_bits(const ir::Function& function, ir::ValueId id);

}  // namespace vfm::bpf
