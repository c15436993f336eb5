// The engines that differential tests compare: those of the product that need no kernel, the same
// back end as other hooks see it, and what only tests link.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "userspace/engines/engines.h"

namespace vfm::test {

/// The reference first. Without the kernel's engine, which is slow to load and needs privileges.
std::vector<EngineKind> test_engines();

/// The rows with these names ("interp,bpf"), the reference added in front if it is not among them.
/// Throws std::runtime_error for a name that no row has.
std::vector<EngineKind> engines_named(std::string_view names);

}  // namespace vfm::test
