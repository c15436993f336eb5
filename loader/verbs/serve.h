// What attach and run share: a filter served in user space, and what is said of it.
#pragma once

#include <functional>

#include "loader/serve/server.h"
#include "loader/verbs/commands.h"

namespace vfm {

constexpr std::string_view kNoWayAtEgress =
    "there is no way through user space at tc-egress: it is for what comes in";

/// Options of attach and run that are about user space, and their values.
CommandLine& serve_options(CommandLine& line);
/// With what filter_options() reads.
Result<ServeOptions> read_serve_options(const CommandLine& line);

/// --max-memory BYTES, also for check.
CommandLine& memory_option(CommandLine& line);
Result<uint64_t> read_memory(const CommandLine& line);

/// --on-error: whether it is drop; --prio.
Result<bool> read_on_error(const CommandLine& line);
Result<uint16_t> read_priority(const CommandLine& line);

/// Name, hook, verdict and places that attach and run have in common.
CommandLine& filter_options(CommandLine& line);

/// CAP_NET_RAW, which only this road needs. Fails with Status::refused.
Result<> require_sockets(std::string_view verb);

/// Starts a process that serves the filter until it is taken off. Prints what stands then, or why
/// it does not; the exit status.
int attach_in_user_space(const Filter& filter, const Interface& interface,
                         const ServeOptions& options, bool json);

/// "by jit, which takes 21 ns a packet to decide here": what is known of the cost before a frame
/// has come.
std::string cost_text(const LiveProgram& program);

/// A note of where and by what the filter runs now, and what a packet costs.
Diagnostic served_note(const Server& server);

/// tc-egress has no way through user space, tc-ingress is served at XDP, which `notes` get to know.
/// Fails with Status::refused.
Result<> check_served_hook(const Interface& interface, HookPoint hook,
                           std::vector<Diagnostic>& notes);

}  // namespace vfm
