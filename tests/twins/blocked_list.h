// The list of docs/cookbook/14-geo-block.vfl as its twin takes it. It shares nothing with the
// compiler.
#pragma once

#include <string>

#include "core/base/result.h"
#include "tests/twins/twin_abi.h"

namespace vfm::twins {

/// Reads one prefix or `(range FIRST LAST)` a line. Fails with Status::rejected at a line that is
/// neither, that has more than 63 bits of IPv6, or if the twin has no room for so many.
Result<twin_blocked> read_blocked(const std::string& path);

}  // namespace vfm::twins
