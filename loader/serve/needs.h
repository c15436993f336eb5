// What filters in user space need of the machine, for `vfm-xdp doctor`.
#pragma once

#include <vector>

#include "loader/doctor.h"

namespace vfm {

/// Always gives every finding: what cannot be tried is unknown. Changes nothing: the helper
/// interface is tried in a network namespace of its own. The calling process must have one thread.
std::vector<Finding> examine_user_space();

}  // namespace vfm
