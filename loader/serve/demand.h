// What serving a filter asks of the machine: frames for each receive queue, flow tables, counters,
// sets and rule tables.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/verify/verify.h"
#include "loader/shared_memory.h"

namespace vfm {

/// Frames of a queue, where there are few queues.
constexpr uint32_t kMostFrames = 4096;

/// Bytes that the frames of one queue take.
uint64_t frame_memory(uint32_t frames);

struct Demand {
    uint32_t queues = 1;       ///< that are served from the beginning
    uint32_t most = 1;         ///< that there may ever be, as far as memory reaches
    uint32_t frames = 0;       ///< of each queue
    bool driver_tells = true;  ///< else `queues` is what the device was made with
    std::vector<MemoryPart> parts;

    uint64_t bytes() const;
};

/// Of a filter on the interface, whose device was made with `device_queues` receive queues. More
/// queues than hold 128 MiB of frames get fewer frames each. Fails with Status::refused, about the
/// interface, if that is more than `most_memory` bytes (--max-memory). `withholds`: not all its
/// drops are carried out.
Result<Demand> demand_of(const VerifiedModule& filter, const std::string& interface,
                         uint32_t device_queues, uint64_t most_memory, bool withholds = false);

/// Tables that the filter uses: a module that declares none has one all the same. They live as long
/// as the module.
std::span<const TableDecl> tables_in_use(const VerifiedModule& filter);

}  // namespace vfm
