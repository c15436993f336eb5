// A filter that a process serves in user space, seen from outside: whether it is served, how it is
// told to end, and what it has counted. The process is known by the lock that it holds on the
// filter's directory, never by a number alone, and all else lies in pinned maps, so that everything
// here works on a process that is stopped or gone, too.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "bpf/handover.h"
#include "core/base/fd.h"
#include "core/base/result.h"
#include "core/run/counters.h"
#include "loader/counters.h"
#include "loader/state.h"

namespace vfm {

/// Pins of a served filter under maps/, beside its tables' (handover.h says what they hold).
inline constexpr const char* kQueuesMap = "vfm_queues";
inline constexpr const char* kServedMap = "vfm_served";
/// Of the counters: a part for each queue's thread.
inline constexpr const char* kCountersMap = "vfm_counters";
/// Bytes of such a part, whole cache lines; 0 where there are no counters.
size_t counters_part(std::span<const CounterGroup> groups);

/// The lock of who serves: for the whole life of its process. Nothing if another one has it.
Fd take_service_lock(const std::string& directory);

/// How a filter is served at the moment.
struct Service {
    bool process = false;  ///< a process holds the lock
    bool answers = false;  ///< and every queue's thread has looked at its ring lately
    pid_t pid = 0;         ///< as seen from here; 0: unknown
};
Service service_of(const std::string& directory);

/// Tells the process that serves to end, waits for it, and kills it if it does not answer within
/// some seconds. Fails with Status::refused if it is there afterwards.
Result<> end_service(const std::string& directory);

/// What a filter has counted, wherever it runs. Of one that is served both sides count, and frames
/// that were handed over and that nobody will ever decide are lost, and count as dropped.
Result<vfm_stats> stats_of(const StoredFilter& filter);

/// What its counters have counted, wherever it runs: by group of its program, then by counter.
Result<std::vector<std::vector<Count>>> counts_of(const StoredFilter& filter,
                                                  std::span<const CounterGroup> groups);

/// Every entry of one of its flow tables, wherever it runs, in no order.
Result<std::vector<FlowCount>> flows_of(const StoredFilter& filter, const RecordedTable& table);

}  // namespace vfm
