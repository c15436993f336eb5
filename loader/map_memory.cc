#include "loader/map_memory.h"

#include <bpf/libbpf.h>
#include <fmt/core.h>

#include <algorithm>

#include "bpfgen/map_memory.h"
#include "core/base/diagnostic.h"

namespace vfm {

std::vector<MemoryPart> memory_of_maps(const bpf::Program& program) {
    const auto cpus = static_cast<uint64_t>(std::max(libbpf_num_possible_cpus(), 1));
    std::vector<MemoryPart> parts;
    for (const bpf::Map& map : program.maps)
        parts.push_back({fmt::format("map {}", printable(map.name)), bpf::memory_of(map, cpus)});
    if (!program.data.empty()) parts.push_back({"constants", program.data.size()});
    return parts;
}

}  // namespace vfm
