// The addresses at which the sets of a filter begin and end.
#pragma once

#include <string_view>
#include <vector>

#include "core/base/bytes.h"

namespace vfm::twins {

/// For each address and prefix in a text: its first and last address, and those beside them; 4 or
/// 16 bytes each.
std::vector<Bytes> boundaries(std::string_view text);

}  // namespace vfm::twins
