#include "bpfgen/map_memory.h"

#include <bit>

namespace vfm::bpf {
namespace {

// Of Linux 6.18 on 64 bits; other versions differ by some bytes.
constexpr uint64_t kBucketBytes = 16;
constexpr uint64_t kHashEntryBytes = 48;  // before key and value
constexpr uint64_t kTrieNodeBytes = 20;   // before the key, whose length is in it, and the value
constexpr uint64_t kPointerBytes = 8;

uint64_t in_words(uint64_t bytes) { return (bytes + 7) / 8 * 8; }

}  // namespace

uint64_t memory_of(const Map& map, uint64_t cpus) {
    const uint64_t entries = map.max_entries, value = in_words(map.value_size);
    switch (map.type) {
        case BPF_MAP_TYPE_HASH:
        case BPF_MAP_TYPE_LRU_HASH: {
            const bool grows = (map.flags & BPF_F_NO_PREALLOC) != 0;
            return std::bit_ceil(entries) * kBucketBytes +
                   (grows ? map.keys.size() / map.key_size : entries) *
                       (kHashEntryBytes + in_words(map.key_size) + value);
        }
        case BPF_MAP_TYPE_PROG_ARRAY:
            return entries * kPointerBytes;
        case BPF_MAP_TYPE_PERCPU_ARRAY:
            return entries * (kPointerBytes + value * cpus);
        case BPF_MAP_TYPE_LPM_TRIE:
            return map.keys.size() / map.key_size *
                   in_words(kTrieNodeBytes + map.key_size + map.value_size);
        default:
            return entries * (in_words(map.key_size) + value);
    }
}

uint64_t memory_of_maps(const Program& program, uint64_t cpus) {
    uint64_t bytes = program.data.size();
    for (const Map& map : program.maps) bytes += memory_of(map, cpus);
    return bytes;
}

}  // namespace vfm::bpf
