// Filters on their way into the kernel: verified, translated to one program, loaded, attached to
// nothing.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/front/front.h"
#include "loader/blame.h"
#include "loader/hook.h"
#include "loader/interface.h"
#include "loader/load.h"
#include "loader/shared_memory.h"
#include "loader/step_times.h"

namespace vfm {

/// A filter among those of a program.
struct UnitSource {
    Filter filter;
    std::string name;
    uint16_t priority = bpf::kDefaultPriority;
    bool drop_on_error = false;  ///< its verdict on packets on which it fails
    /// The share of flows of which it drops packets, at first (enforce.h); nothing: of all, for
    /// ever.
    std::optional<uint32_t> enforce = {};
};

struct PreparedProgram {
    std::vector<VerifiedModule> modules;  ///< by unit
    bpf::Program emitted;
    LoadedProgram loaded;
    StepTimes times;
};

struct PrepareFailure {
    /// Of the system.
    PrepareFailure(Failure why) : failure(std::move(why)) {}  // NOLINT(google-explicit-constructor)
    PrepareFailure(Failure why, Blame whose, std::string log = {})
        : failure(std::move(why)), verifier_log(std::move(log)), blame(whose) {}

    Failure failure;
    std::string verifier_log;  ///< the kernel's whole log, where it came to that
    Blame blame = Blame::system;
};

/// A build of a program, and the mode to attach it in.
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
    /// Maps of `bounded` that would take more bytes (--max-memory) are not asked for: the filter's
    /// fault.
    uint64_t most_memory = kDefaultMemory;
    size_t bounded = 0;  ///< a unit
};

/// Where the maps of a program come from, once it is known.
using MapsOf = std::function<KnownMaps(const PreparedProgram&)>;

/// Verifies, translates and loads; at least one unit. `maps`: those that are there already; it gets
/// a program that is not loaded yet.
std::expected<PreparedProgram, PrepareFailure> prepare_units(std::span<const UnitSource> units,
                                                             const PrepareOptions& options,
                                                             const MapsOf& maps = {});

/// One filter alone.
std::expected<PreparedProgram, PrepareFailure> prepare_filter(const Filter& filter,
                                                              const PrepareOptions& options);

}  // namespace vfm
