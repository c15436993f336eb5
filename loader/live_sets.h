// The live sets of a served filter as they lie beside it: the commands write them, the process that
// serves takes them over. Each is an array pinned as maps/vfm_set_NUMBER, by the set's number in
// the module; a new list is a new array that takes the old one's place in one step.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "core/tables/set_members.h"
#include "loader/state.h"

namespace vfm {

/// Members and when they expire: CLOCK_MONOTONIC in nanoseconds, or never.
using LiveMembers = MarkedMembers;
inline constexpr uint64_t kNever = UINT64_MAX;

/// Takes those out that have expired.
void drop_expired(LiveMembers& members, uint64_t now);

/// Bytes of a list of so many members, without what fills its last page.
uint64_t live_set_memory(size_t members);

/// Reads what is pinned in a filter's directory. Fails with Status::refused.
Result<LiveMembers> read_live_set(const std::string& directory, size_t set);
/// Pins these members instead. Only holders of the StateLock. Fails with Status::refused, and
/// changes nothing.
Result<> write_live_set(const std::string& directory, size_t set, const LiveMembers& members);

/// Two words beside them: how often sets were changed, and up to which change the process that
/// serves has taken them over. In maps/vfm_sets.
inline constexpr const char* kSetsMap = "vfm_sets";
struct LiveSetChanges {
    uint64_t made;
    uint64_t taken;
};

/// Says that sets have changed and waits until they are asked, if a process serves the filter.
/// Fails with Status::refused if it does not take them over within some seconds.
Result<> announce_changes(const std::string& directory);

}  // namespace vfm
