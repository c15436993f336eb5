// Keys of flow tables as people write them: what `flows` prints, read back.
#pragma once

#include <span>
#include <string>

#include "core/base/result.h"
#include "core/module/module.h"
#include "core/run/flow_key.h"

namespace vfm {

/// The key of a table of these kinds: elements joined by commas, a conn in five, its endpoints in
/// either order. Numbers may be hexadecimal. Fails with Status::usage at the element that does not
/// fit.
Result<FlowKey> parse_flow_key(std::span<const KeyKind> kinds, const std::string& text);

}  // namespace vfm
