// What attach, replace and detach have in common: the filters of a hook as they are, changed, and
// put there as a new generation.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "loader/generation.h"
#include "loader/state.h"

namespace vfm {

/// The hook, ready for a new generation: one whose link hangs nowhere any more is set aside. Needs
/// the lock. Fails with Status::refused.
Result<StoredHook> hook_for_change(const std::string& bpffs, const HookPlace& place);

/// The filters of a hook as they are, each with its module. Fails with Status::refused.
Result<std::vector<WantedFilter>> filters_of(const StoredHook& hook);

/// Behind those of its priority; where it stands then.
size_t insert_filter(std::vector<WantedFilter>& filters, WantedFilter filter);

/// put_filters() with one build after the other until the interface takes one; in `mode` where
/// nothing hangs there yet.
std::expected<PutFilters, PrepareFailure> put_somehow(const StoredHook& hook,
                                                      const std::vector<WantedFilter>& filters,
                                                      PutOptions options, Mode mode);

/// The filter of a record that put_filters() gave.
StoredFilter stored_as(const StoredHook& hook, const PutFilters& put, const Record& record,
                       const std::string& interface);

}  // namespace vfm
