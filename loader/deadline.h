// A filter that goes again, or becomes again what it was before it was replaced, unless somebody
// confirms it in time.
//
// The deadline is an array pinned beside the filter, gen-<N>/filters/<name>/deadline, and is never
// changed. It is there before the generation that brings the filter is in force, so no moment to be
// killed at leaves the filter without it; a generation that takes a filter over as it is gets the
// deadline with it, one that brings another filter of its name does not. Whoever confirms removes
// the pin.
//
// At that time whoever holds the interface's lock takes the filter off, or undoes its replacement,
// first of all (InterfaceLock), and so that somebody does, a guard is started before the generation
// is in force: it looks for deadlines, takes the lock when one is over, and ends when there is none
// any more. No guard is for one filter, so none can take off the wrong one, and each does the
// others' work.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"

namespace vfm {

/// What happens then. Numbers stand in the state.
enum class AtDeadline : uint32_t {
    detach = 1,
    undo = 2,  ///< its replacement
};

struct Deadline {
    uint32_t seconds = 0;  ///< that are granted
    uint64_t at = 0;       ///< CLOCK_BOOTTIME in nanoseconds; 0: not begun
    AtDeadline action = AtDeadline::detach;
    bool operator==(const Deadline&) const = default;
};

/// Its time begins, if it has not.
Deadline begun(Deadline deadline);
bool is_over(const Deadline& deadline);
/// Rounded up; 0 if it is over.
uint64_t seconds_left(const Deadline& deadline);

/// The name of its pin in a filter's directory.
inline constexpr const char* kDeadlinePin = "deadline";
/// To be pinned. Fails with Status::refused.
Result<Fd> make_deadline(const Deadline& deadline);
/// Nothing if the filter has none, or what is there is none.
std::optional<Deadline> read_deadline(const std::string& filter_directory);
/// The filter stays. Needs the lock. Fails with Status::refused.
Result<> clear_deadline(const std::string& filter_directory);

/// A deadline somewhere under a bpffs, of a generation that is in force or in the making.
struct PendingDeadline {
    std::string interface;  ///< its directory
    Deadline deadline;
};
std::vector<PendingDeadline> pending_deadlines(const std::string& bpffs);

/// Starts a process that runs guard_deadlines(), for a deadline that is pinned already: where
/// systemd runs and sees the bpffs a transient timer unit that starts it at that time, else one
/// that outlives its command, shell and terminal. Any thread may call it. Fails with
/// Status::refused.
Result<> start_guard(const std::string& bpffs, const Deadline& deadline);

/// Sees to it that filters whose time is over go, until none waits to be confirmed.
void guard_deadlines(const std::string& bpffs);

}  // namespace vfm
