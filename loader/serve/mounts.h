// Whose mounts a process that serves a filter keeps.
#pragma once

#include <string>

namespace vfm {

/// Where the caller's mount namespace is not that of the first process (as under `ip netns exec`)
/// but the state and /run are the first one's too, the process moves there, so that it does not
/// keep the caller's alive; else, or if it may not, it stays. Gives the directory of the bpffs as
/// it is named afterwards. The calling process must have one thread; its working directory is then
/// the root.
std::string leave_mounts(const std::string& bpffs);

}  // namespace vfm
