// Attaching a filter so that it outlives the process, and taking it off again.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "core/front/front.h"
#include "loader/blame.h"
#include "loader/hook.h"
#include "loader/interface.h"
#include "loader/load.h"
#include "loader/shared_memory.h"
#include "loader/state.h"

namespace vfm {

/// A filter in the kernel, verified, attached to nothing.
struct PreparedFilter {
    VerifiedModule module;
    bpf::Program emitted;
    LoadedProgram loaded;
};

struct PrepareFailure {
    Failure failure;
    std::string verifier_log;  ///< the kernel's whole log, where it came to that
    Blame blame = Blame::system;
};

/// A build of a filter, and the mode to attach it in.
struct Build {
    bpf::Frames frames = bpf::Frames::any;
    Mode mode = Mode::automatic;
};
/// What to try, one after the other, until the interface takes one. The driver knows whether its
/// frames lie in one buffer: it refuses a program for linear frames where they do not, and a larger
/// MTU while there is one. Generic mode makes frames linear.
std::vector<Build> builds_for(const Interface& interface, HookPoint hook, Mode mode);

struct PrepareOptions {
    HookPoint hook = HookPoint::xdp;
    bpf::Frames frames = bpf::Frames::linear;
    std::string name;  ///< becomes the name that bpftool shows, as far as it can
    bool drop_on_error = false;
    /// Maps that would take more bytes (--max-memory) are not asked for: the filter's fault.
    uint64_t most_memory = kDefaultMemory;
};

/// Verifies, translates and loads.
std::expected<PreparedFilter, PrepareFailure> prepare_filter(const Filter& filter,
                                                             const PrepareOptions& options);

struct AttachOptions {
    std::string name;
    HookPoint hook = HookPoint::xdp;
    Mode mode = Mode::automatic;
    bool drop_on_error = false;
    std::optional<std::string> bpffs;  ///< the default one if nothing
};

struct AttachedFilter {
    StoredFilter filter;
    std::vector<Diagnostic> notes;  ///< and warnings
};

/// Attaches and pins. All or nothing: after a failure, and after a kill at any moment, either the
/// whole filter is there or nothing is attached. Fails with Status::refused; a name that is taken
/// on that interface and hook leaves the old filter alone. No failure is the filter's fault: what
/// prepare_filter() has given the kernel has taken.
Result<AttachedFilter> attach_filter(const PreparedFilter& prepared, const Interface& interface,
                                     const AttachOptions& options);

/// Takes it off, even if somebody else still holds its link, and removes its state.
Result<> detach_filter(const std::string& bpffs, const StoredFilter& filter);

}  // namespace vfm
