// Perfect hashing of a set of keys that is known when code is made: a table in which a key of the
// set is found with one comparison. Nothing here knows instructions; set_code.cc writes them.
//
// Tested by tests/unit/jit/key_hash_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vfm::jit {

/// For few keys below 2^32: key k stands in slots[uint32_t(k * multiplier) >> shift]. What stands
/// in the other slots belongs elsewhere, so that no key is found there.
struct SmallHash {
    uint32_t multiplier = 0;
    unsigned shift = 0;  ///< 32 - log2 of the number of slots
    std::vector<uint64_t> slots;

    bool contains(uint64_t key) const {
        return slots[static_cast<uint32_t>(key * multiplier) >> shift] == key;
    }
};

/// Nothing if the keys (distinct, below 2^32) are too many or no multiplier is found soon.
std::optional<SmallHash> make_small_hash(std::span<const uint64_t> keys);

/// For many keys. h = k * multiplier, for wide keys once more mixed; the top bits of h choose a
/// displacement, which is added to its upper half: key k stands in
/// slots[((h >> 32) + displacements[h >> bucket_shift]) % slots.size()].
struct LargeHash {
    bool wide = false;  ///< keys are 64 bits
    uint64_t multiplier = 0;
    unsigned bucket_shift = 0;
    std::vector<uint32_t> displacements;  ///< a power of two of them, each below slots.size()
    std::vector<uint64_t> slots;          ///< a power of two of them

    uint64_t hash(uint64_t key) const {
        uint64_t h = key * multiplier;
        if (wide) h = (h ^ h >> 32) * multiplier;
        return h;
    }
    bool contains(uint64_t key) const {
        const uint64_t h = hash(key);
        return slots[((h >> 32) + displacements[h >> bucket_shift]) & (slots.size() - 1)] == key;
    }
};

/// Of distinct keys, at least one, at most 2^24; `wide` if any may be 2^32 or more. About 50 ns a
/// key. Nothing if no multiplier of many serves, which random keys do not bring about.
std::optional<LargeHash> make_large_hash(std::span<const uint64_t> keys, bool wide);

}  // namespace vfm::jit
