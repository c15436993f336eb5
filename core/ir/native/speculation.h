// What may be done for packets that would not have come there.
#pragma once

#include <cstdint>
#include <vector>

#include "core/ir/form/ir.h"

namespace vfm::ir {

/// By block, a length that the packet is known to have where the block ends, whichever way it goes.
std::vector<uint64_t> proved_lengths(const Function& function);

/// True if the operation has no effect and cannot fail where nothing is known but that the packet
/// has `length` bytes.
bool speculatable(const Value& value, uint64_t length);

}  // namespace vfm::ir
