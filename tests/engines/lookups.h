// Sets, rule tables, counters and keys of several words: random ones, asked by engines, beside a
// reading of their declarations that looks at one member and one row after the other.
#pragma once

#include <vector>

#include "userspace/engines/engines.h"

namespace vfm::test {

/// Each engine must take each of so many programs and give what the declarations say.
void check_lookups(const std::vector<EngineKind>& engines, unsigned programs);

}  // namespace vfm::test
