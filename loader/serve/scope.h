// Where systemd runs: a scope of its own for this process.
#pragma once

#include <string>

namespace vfm {

/// Asks systemd to put the calling process into a transient scope `vfm-NAME.scope` of system.slice,
/// so that it does not end with the unit or login session that started it. Without systemd, or
/// where it refuses, nothing happens; the process then ends with what it was started from.
void enter_scope(const std::string& name);

}  // namespace vfm
