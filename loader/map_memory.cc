#include "loader/map_memory.h"

#include <bpf/libbpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "core/base/diagnostic.h"

namespace vfm {
namespace {

// Of Linux 6.18 on 64 bits; other versions differ by some bytes.
constexpr uint64_t kBucket = 16;
constexpr uint64_t kHashEntry = 48;  // before key and value
constexpr uint64_t kTrieNode = 20;   // before the key, whose length is in it, and the value
constexpr uint64_t kPointer = 8;

uint64_t in_words(uint64_t bytes) { return (bytes + 7) / 8 * 8; }

uint64_t memory_of(const bpf::Map& map, uint64_t cpus) {
    const uint64_t entries = map.max_entries, value = in_words(map.value_size);
    switch (map.type) {
        case BPF_MAP_TYPE_HASH:
        case BPF_MAP_TYPE_LRU_HASH:
            return std::bit_ceil(entries) * kBucket +
                   entries * (kHashEntry + in_words(map.key_size) + value);
        case BPF_MAP_TYPE_PERCPU_ARRAY:
            return entries * (kPointer + value * cpus);
        case BPF_MAP_TYPE_LPM_TRIE:
            return map.keys.size() / map.key_size *
                   in_words(kTrieNode + map.key_size + map.value_size);
        default:
            return entries * (in_words(map.key_size) + value);
    }
}

}  // namespace

std::vector<MemoryPart> memory_of_maps(const bpf::Program& program) {
    const auto cpus = static_cast<uint64_t>(std::max(libbpf_num_possible_cpus(), 1));
    std::vector<MemoryPart> parts;
    for (const bpf::Map& map : program.maps)
        parts.push_back({fmt::format("map {}", printable(map.name)), memory_of(map, cpus)});
    if (!program.data.empty()) parts.push_back({"constants", program.data.size()});
    return parts;
}

}  // namespace vfm
