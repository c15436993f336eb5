// The maps of a program's live sets (vfm_abi.h) as they begin, and their pins.
#pragma once

#include <span>
#include <string>

#include "loader/loaded_map.h"

namespace vfm {

/// Pins under `maps`, beside that of the set's single values (map_choice.h).
std::string pin_of_prefixes(const std::string& set);
inline constexpr const char* kSetControlPin = "sets";

/// Puts the members with which sets begin into new maps, and into the controls which maps are
/// empty. 0 or a negative errno.
int begin_sets(std::span<const LoadedMap> maps);

}  // namespace vfm
