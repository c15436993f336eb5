// What a filter and its twin are compared on.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/module/module.h"
#include "userspace/lint/probes.h"

namespace vfm::twins {

using lint::Probe;

/// The packets of a capture, with its times.
Result<std::vector<Probe>> captured(const std::string& path);

struct PacketSource {
    std::vector<Probe> capture;  ///< not empty
    const Module* module = nullptr;
    std::string lists;  ///< text of files with addresses that it reads
    size_t count = 0;   ///< of varied packets
    uint64_t seed = 0;
};

/// The capture; what lint makes of the filter's tests; packets from the ends of its sets; where it
/// has tables, floods and answers around the times that its limits know; `count` varied ones of all
/// of these and as many random ones. The clock mostly goes on.
std::vector<Probe> packets_for(const PacketSource& from);

}  // namespace vfm::twins
