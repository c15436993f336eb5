// Reads what a running filter counts: the per-CPU statistics, the counters and the flow
// tables.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "bpf/vfm_abi.h"
#include "core/base/result.h"
#include "core/module/module.h"
#include "core/run/counters.h"
#include "core/run/flow_key.h"

namespace vfm {

/// Adds the counters of one to another.
void add_stats(vfm_stats& sum, const vfm_stats& one);

/// The sum over all CPUs. Fails with Status::refused.
Result<vfm_stats> read_stats(int stats_map);

struct FlowCount {
    FlowKey key;
    uint64_t value = 0;
};

/// Every entry of a flow table, in no order, with as many words as the map's keys have. Entries
/// that come and go meanwhile may be missed or seen twice; never more than twice `max_entries` are
/// returned. Fails with Status::refused.
Result<std::vector<FlowCount>> read_flows(int flow_map, uint32_t max_entries);

/// The counters of a group that has a map, each the sum over all CPUs. Fails with Status::refused.
Result<std::vector<vfm_counter>> read_counters(int map);

/// The counters of all groups by group, which stand at the end of the value of the statistics.
/// `sizes`: how many each group has. Fails as read_counters() does.
Result<std::vector<std::vector<Count>>> read_counters_in_stats(int stats_map,
                                                               std::span<const uint32_t> sizes);
/// How many each group has.
std::vector<uint32_t> sizes_of(std::span<const CounterGroup> groups);

/// CPUs that the values of a per-CPU map are given for; at least 1.
unsigned cpu_count();

}  // namespace vfm
