// What a program's maps take of the kernel's memory, before the kernel is asked for it.
#pragma once

#include <vector>

#include "bpfgen/object.h"
#include "loader/shared_memory.h"

namespace vfm {

/// A part for each map and for the constants, as Linux lays them out: tables of either eviction are
/// allocated whole, counters once for each CPU that there may be. A live set counts with the
/// members that it begins with.
std::vector<MemoryPart> memory_of_maps(const bpf::Program& program);

}  // namespace vfm
