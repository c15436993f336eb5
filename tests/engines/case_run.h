// Runs the hand-written cases of cases/*.vt.
#pragma once

#include <vector>

#include "tests/engines/case_file.h"
#include "userspace/engines/engines.h"

namespace vfm::test {

/// Every case of every file, in the same order on every machine.
std::vector<Case> all_cases();

/// Checks all cases in the engines; one that cannot run here is skipped with its reason. Fails if
/// an engine takes less than a share of the programs.
void check_cases(const std::vector<EngineKind>& kinds, double least_share);

}  // namespace vfm::test
