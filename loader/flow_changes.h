// Entries of flow tables are deleted, wherever the filter runs: of one in the kernel by bpf(2), of
// one in user space by the process that serves it, which is told in memory pinned beside the
// tables.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/isa/limits.h"
#include "core/run/flow_key.h"
#include "loader/state.h"

namespace vfm {

/// Deletes the entries of these keys: true for each that had one. Needs the lock. Fails with
/// Status::refused; a part of them may be deleted then.
Result<std::vector<bool>> delete_flows(const StoredFilter& filter, const RecordedTable& table,
                                       std::span<const FlowKey> keys);

/// Deletes all entries that there are: how many. What packets add meanwhile may stay. Needs the
/// lock. Fails with Status::refused; a part of them may be deleted then.
Result<uint64_t> clear_flows(const StoredFilter& filter, const RecordedTable& table);

/// What the process that serves is told, in maps/vfm_flow_changes: it carries `changes` out and
/// counts `taken` up to `made`. Written by holders of the lock while both are equal.
inline constexpr const char* kFlowChangesMap = "vfm_flow_changes";
struct FlowChange {
    uint32_t table;    ///< its number in the program
    uint32_t all;      ///< not one key but the whole table
    uint64_t deleted;  ///< entries, told by the process
    uint64_t words[kMaxKeyWords];
};
struct FlowChanges {
    static constexpr uint32_t kMost = 256;
    uint64_t made, taken;
    uint64_t count;
    FlowChange changes[kMost];
};

}  // namespace vfm
