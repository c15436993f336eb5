// How a flow table lies in memory that others can read: the layout that userspace/flow writes, and
// a reader for processes that have no more than read access to it. Nothing here needs the writer's
// help: it may be at work, stopped in the middle of a burst, or long gone.
//
//   FlowMemoryHeader
//   FlowBucket          bucket_count times: the entries, see userspace/flow/flow_table.h
//   keys                from keys_at on, of more than one word: as many words an entry
//   (the writer's)      the order of use, where it is kept exactly
//   levels              from levels_at on: four bits an entry, sixteen entries a word
//   (the writer's)      to the end
//
// All words are of this machine's byte order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/module/module.h"
#include "core/run/program.h"

namespace vfm {

inline constexpr size_t kFlowAlignment = 64;  ///< of the memory and of a bucket: a cache line

/// Four entries. A word is a key's hash but for its first bit, which the half of the buckets tells,
/// upper for 1; the word's own first bit is the writer's. 0 is no entry. Keys of one word are to be
/// had back from their hash, all others stand by themselves.
struct alignas(kFlowAlignment) FlowBucket {
    static constexpr uint32_t kEntries = 4;
    std::array<uint64_t, kEntries> words;
    std::array<uint64_t, kEntries> values;

    bool full() const { return words[kEntries - 1] != 0; }
};
static_assert(sizeof(FlowBucket) == kFlowAlignment);

/// What keys are hashed with.
struct FlowNumbers {
    uint64_t marker = 0;
    uint64_t factor = 0;  ///< odd
    bool operator==(const FlowNumbers&) const = default;
};
/// Of one word: (key ^ marker) * factor, modulo 2^64, so that no two keys have the same hash.
constexpr uint64_t flow_hash(const FlowNumbers& numbers, uint64_t key) {
    return (key ^ numbers.marker) * numbers.factor;
}
/// Of several words. Never one that looks like no entry.
constexpr uint64_t flow_hash(const FlowNumbers& numbers, const uint64_t* key, unsigned words) {
    __extension__ using Product = unsigned __int128;
    uint64_t hash = numbers.marker;
    for (unsigned i = 0; i < words; ++i) {
        const Product product = Product{hash ^ key[i]} * numbers.factor;
        hash = static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
    }
    return hash << 1 != 0 ? hash : hash | 1;
}
/// The number whose product with an odd one is 1, modulo 2^64.
constexpr uint64_t flow_inverse(uint64_t odd) {
    uint64_t found = odd;  // right in the three lowest bits; each step doubles them
    for (int i = 0; i < 5; ++i) found *= 2 - odd * found;
    return found;
}

struct FlowMemoryHeader {
    static constexpr uint64_t kMagic = 0x31574f4c464d4656;  // "VFMFLOW1"
    static constexpr uint32_t kVersion = 2;
    static constexpr uint64_t kWaits = 8;  ///< the bit of an entry's level, see `rehashes`

    uint64_t magic;  ///< written last when a table is made
    uint32_t version;
    uint32_t capacity;      ///< entries
    uint32_t bucket_count;  ///< even
    uint8_t words;          ///< of a key
    uint8_t eviction;       ///< Eviction
    uint16_t zero;
    uint64_t levels_at;  ///< bytes from the front of the memory
    FlowNumbers numbers;
    /// While `rehashes` is odd, entries with kWaits in their level are hashed with these still.
    FlowNumbers earlier;
    uint64_t rehashes;
    uint64_t refused_stores;
    uint64_t keys_at;  ///< bytes from the front of the memory; 0: keys have one word
    /// Odd while a burst changes the table. In a cache line that the other fields have no part of.
    alignas(kFlowAlignment) uint64_t changes;
};
static_assert(sizeof(FlowMemoryHeader) == 3 * kFlowAlignment);

/// What stands in front of a table's entries.
struct FlowMemoryFacts {
    unsigned words = 1;  ///< of a key
    Eviction eviction = Eviction::lru;
    uint32_t capacity = 0;
    uint32_t bucket_count = 0;
    uint64_t levels_at = 0;
    uint64_t keys_at = 0;
    uint64_t refused_stores = 0;
};

/// Fails with Status::refused where the memory holds no flow table; it may hold anything.
Result<FlowMemoryFacts> read_flow_facts(std::span<const std::byte> memory);

/// The entries as those of table number `table`, by key, each key once. The memory may change
/// meanwhile, may have stopped in the middle of a change, and may hold anything at all: time and
/// memory needed are bounded by its size. Buckets are taken in small pieces, each as it was between
/// two bursts; from a writer who is stopped in a burst or leaves no time between them, entry by
/// entry, each with a value that it had. An entry that is there all the time is given, wherever it
/// moves, unless all keys were hashed anew again and again meanwhile; a writer killed while it did
/// that may have had two more in its hands. Fails as read_flow_facts() does.
Result<std::vector<FlowEntry>> read_flow_memory(std::span<const std::byte> memory,
                                                uint32_t table = 0);

}  // namespace vfm
