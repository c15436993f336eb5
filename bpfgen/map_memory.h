// What a map takes of the kernel's memory.
#pragma once

#include <cstdint>

#include "bpfgen/object.h"

namespace vfm::bpf {

/// As Linux lays it out on a machine of so many CPUs: tables of either eviction are allocated
/// whole, counters once for each CPU that there may be. A live set counts with the members that it
/// begins with.
uint64_t memory_of(const Map& map, uint64_t cpus);

/// Of all maps and the constants.
uint64_t memory_of_maps(const Program& program, uint64_t cpus);

}  // namespace vfm::bpf
