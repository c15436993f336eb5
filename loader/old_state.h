// Filters that versions before this one have attached: <bpffs>/vfm/<netns>-<ifindex>/<hook>/<name>
// with `link`, `program`, `record` and `maps`, each filter a program of its own. They are listed,
// shown and detached; what is attached now does not join them.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "loader/state.h"

namespace vfm {

/// All of them, in no order.
Result<std::vector<StoredFilter>> old_filters(const std::string& bpffs);

/// The bytecode in a record of that time. Fails with Status::refused.
Result<Record> read_old_record(const std::string& path);

/// Takes one off, and what it has left. Under the lock of that time. Fails with Status::refused.
Result<> detach_old_filter(const std::string& bpffs, const StoredFilter& filter);

}  // namespace vfm
