// A declared set as a list of keys, for those of which code can be made.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/module/module.h"

namespace vfm::ir {

/// The keys of one word that are members, ascending, each once. Nothing for a set that may change
/// and for more than `most` keys.
std::optional<std::vector<uint64_t>> list_keys(const SetDecl& set, size_t most);

}  // namespace vfm::ir
