// The threads behind --jobs.
#pragma once

#include <span>

#include "userspace/tools/test_loop.h"

namespace vfm {

/// As run_capture(), a thread for each of `sets`, each packet in the set that connection_hash()
/// gives; the calling thread reads, and calls the hooks in the order of the capture. Memory for
/// some batches of packets, whatever the capture's size.
RunEnd run_by_crew(CaptureReader& capture, std::span<EngineSet> sets, const RunHooks& hooks);

}  // namespace vfm
