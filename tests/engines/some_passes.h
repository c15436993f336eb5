// A road through the passes that no product takes: some of them, in another order.
#pragma once

#include <cstdint>
#include <string>

#include "core/ir/form/ir.h"

namespace vfm::test {

/// Runs passes that `seed` draws over IR as it was lifted: those of every back end in any order and
/// number, those for native code in theirs, each or not. What the function breaks after one of them
/// (ir::check) with the pass's name, or nothing.
std::string run_some_passes(ir::Function& function, uint64_t seed);

}  // namespace vfm::test
