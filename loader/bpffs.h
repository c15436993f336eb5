// Which BPF file system holds the state, and mounting one where there is none.
#pragma once

#include <optional>
#include <string>

#include "core/base/result.h"

namespace vfm {

inline constexpr const char* kDefaultBpffs = "/sys/fs/bpf";

/// True if `path` is the inside of a bpffs, false if it is not, or not there. Fails with
/// Status::refused where that cannot be found out.
Result<bool> is_bpffs(const std::string& path);

/// The bpffs to read state from: `given`, else the default place. Nothing if none is mounted at the
/// default place, for then there is no state. A `given` directory that is no bpffs is refused.
Result<std::optional<std::string>> find_bpffs(const std::optional<std::string>& given);

/// The same for writing: mounts a bpffs at the default place if none is there.
///
/// `ip netns exec` and `unshare -m` give a command a mount namespace of its own, and a file system
/// mounted there vanishes with it, together with every pinned filter. There the bpffs of the first
/// process (/proc/1/root/sys/fs/bpf) is used, and mounted in that process's namespace if need be.
/// Where that one cannot be reached, or nothing shows that this mount namespace outlives the
/// command, nothing is mounted and the call fails with the ways that there are.
Result<std::string> ensure_bpffs(const std::optional<std::string>& given);

}  // namespace vfm
