// What attach and run share: a filter served in user space, and what is said of it.
#pragma once

#include <functional>

#include "loader/serve/server.h"
#include "loader/verbs/commands.h"

namespace vfm {

/// Options of attach and run that are about user space, and their values.
CommandLine& serve_options(CommandLine& line);
Result<HandOverOptions> read_hand_over(const CommandLine& line);

/// Name, hook, verdict and places that attach and run have in common.
CommandLine& filter_options(CommandLine& line);
Result<AttachOptions> read_filter_options(const CommandLine& line);

/// Starts a process that serves the filter until it is taken off. Prints what stands then, or why
/// it does not; the exit status.
int attach_in_user_space(const Filter& filter, const Interface& interface,
                         const ServeOptions& options, bool json);

/// A note of where and by what the filter runs now, and what a packet costs.
Diagnostic served_note(const Server& server);

/// tc-egress has no way through user space, tc-ingress is served at XDP, which `notes` get to know.
/// Fails with Status::refused.
Result<> check_served_hook(const Interface& interface, HookPoint hook,
                           std::vector<Diagnostic>& notes);

}  // namespace vfm
