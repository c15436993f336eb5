// Filters come to an interface so that they outlive the process, and go again. Those of a hook are
// one program (generation.h); each change is whole or not at all, also if the process is killed at
// any moment.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "loader/generation.h"
#include "loader/hook_change.h"
#include "loader/prepare.h"
#include "loader/state.h"

namespace vfm {

struct AttachOptions {
    std::string name;
    HookPoint hook = HookPoint::xdp;
    Mode mode = Mode::automatic;
    bool drop_on_error = false;
    uint16_t priority = bpf::kDefaultPriority;
    uint64_t most_memory = kDefaultMemory;  ///< bytes that its maps may take
    std::optional<std::string> bpffs;       ///< the default one if nothing
};

struct AttachedFilter {
    StoredFilter filter;
    std::vector<Diagnostic> notes;  ///< and warnings
};

/// Where the filters of a hook are in the state: an interface that has come from another network
/// namespace with its filters keeps their place. Fails with Status::refused.
Result<HookPlace> place_of(const std::string& bpffs, const Interface& interface, HookPoint hook);

/// Fails with Status::refused if a filter of ours stands in the way of the wanted one: its name is
/// taken at the hook, or the hook's filters are elsewhere than it is to be (in the kernel, in user
/// space, of another mode).
Result<> check_free(const std::string& bpffs, const Record& wanted);

/// Attaches a filter beside those that are at the hook. A failure leaves them alone; it is the
/// filter's fault only where the kernel or our translation does not take it. A name that is taken
/// is refused.
std::expected<AttachedFilter, PrepareFailure> attach_filter(const Filter& filter,
                                                            const Interface& interface,
                                                            const AttachOptions& options);

/// Takes it off, even if somebody else still holds its link, and removes its state; other filters
/// of the hook go on, with what they have counted.
Result<> detach_filter(const std::string& bpffs, const StoredFilter& filter);

}  // namespace vfm
