// Would a filter shut out the one who attaches it? Before that is tried, it runs on packets that it
// must let pass: those of the SSH session of the command, and those of a capture.
#pragma once

#include <optional>
#include <string>

#include "core/front/front.h"
#include "core/module/module.h"
#include "loader/hook.h"
#include "loader/interface.h"
#include "loader/verbs/commands.h"

namespace vfm {

/// --guard FILE
CommandLine& guard_option(CommandLine& line);

struct GuardOptions {
    HookPoint hook = HookPoint::xdp;
    bool drop_on_error = false;
    bool force = false;                    ///< what would be dropped is a warning
    std::optional<std::string> capture{};  ///< --guard
    std::optional<std::string> bpffs{};
    /// Which it takes the place of: what that has in tables like its own goes on.
    const StoredFilter* replaced = nullptr;
};

/// Prints warnings and notes. Tables that are `:shared`, or those of a filter that is replaced,
/// hold what they hold now, all others are empty. Fails with Status::refused, and the place in the
/// filter that decides, where it drops such a packet; with Status::rejected where the capture
/// cannot be read.
Result<> check_lockout(const Filter& filter, const Interface& interface,
                       const GuardOptions& options);

}  // namespace vfm
