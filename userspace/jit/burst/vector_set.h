// A set of 32-bit keys in which any key is found, or not, with two loads: each key stands in one of
// the two places that its products with two odd factors name. Vector code asks for all lanes with
// two gathers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vfm::jit {

struct TwoPlaceSet {
    /// Nothing if no factors were found. At least one key, all distinct.
    static std::optional<TwoPlaceSet> make(std::span<const uint32_t> keys);

    uint32_t place(unsigned which, uint32_t key) const { return key * factors[which] >> shift; }
    bool contains(uint32_t key) const {
        return slots[place(0, key)] == key || slots[place(1, key)] == key;
    }

    uint32_t factors[2] = {};
    unsigned shift = 0;           ///< 32 less the bits of a place
    std::vector<uint32_t> slots;  ///< places without a key hold some key of the set
};

}  // namespace vfm::jit
