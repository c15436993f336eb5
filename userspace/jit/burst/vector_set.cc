#include "userspace/jit/burst/vector_set.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/isa/alu.h"

namespace vfm::jit {
namespace {

constexpr unsigned kTries = 8;        // pairs of factors before the table grows
constexpr unsigned kMostGrowth = 4;   // beyond twice the keys, as a power of two
constexpr unsigned kMostMoves = 256;  // of one insertion

// Puts each key into one of its places, moving others on to their second place.
bool fill(TwoPlaceSet& set, std::span<const uint32_t> keys) {
    std::vector<bool> taken(set.slots.size());
    for (const uint32_t each : keys) {
        uint32_t key = each;
        uint32_t place = set.place(0, key);
        if (taken[place] && !taken[set.place(1, key)]) place = set.place(1, key);
        for (unsigned moves = 0; taken[place]; ++moves) {
            if (moves == kMostMoves) return false;
            std::swap(key, set.slots[place]);
            place = set.place(0, key) == place ? set.place(1, key) : set.place(0, key);
        }
        taken[place] = true;
        set.slots[place] = key;
    }
    return true;
}

}  // namespace

std::optional<TwoPlaceSet> TwoPlaceSet::make(std::span<const uint32_t> keys) {
    const unsigned least = std::max(4, static_cast<int>(std::bit_width(keys.size())) + 1);
    uint64_t random = kMixStart;
    for (unsigned bits = least; bits <= std::min(31u, least + kMostGrowth); ++bits) {
        for (unsigned i = 0; i < kTries; ++i) {
            TwoPlaceSet set;
            set.shift = 32 - bits;
            random = mix(random, bits);
            set.factors[0] = static_cast<uint32_t>(random) | 1;
            set.factors[1] = static_cast<uint32_t>(random >> 32) | 1;
            set.slots.assign(size_t{1} << bits, keys[0]);
            if (fill(set, keys)) return set;
        }
    }
    return std::nullopt;
}

}  // namespace vfm::jit
