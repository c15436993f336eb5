// Sets of ranges of numbers in constant data: an index by the upper bits, and from there a search
// by halves among the sorted ends. A number is a member if the ends up to it are odd. Beside each
// number of ends may stand what is so of all numbers with so many up to them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "bpfgen/builder.h"
#include "bpfgen/constant_data.h"
#include "bpfgen/lookup/word.h"

namespace vfm::bpf {

struct RangeIndex {
    uint64_t least = 0;       ///< what is searched for is a number's distance from it
    unsigned bits = 32;       ///< distances from 2 to this on are in no range
    unsigned entry_size = 4;  ///< bytes of an end, 4 or 8
    uint32_t top = 0;       ///< by upper bits: 32 bits, where the ends begin, in bytes from `ends`
    unsigned top_bits = 0;  ///< 0: there is no index
    uint32_t ends = 0;      ///< the end less 1
    unsigned place_bits = 0;  ///< what `top` holds is below 2 to this
    unsigned steps = 0;
    bool zero_is_member = false;
};

/// Of numbers below 2^32: where something changes, ascending, each once and above 0.
RangeIndex make_range_index(std::span<const uint32_t> ends, bool zero_is_member, ConstantData& data,
                            unsigned entry_size = 4);
/// Of numbers of 64 bits. Neither the first number nor the last is in a range, so there are two
/// ends at least. Nothing if they lie too far apart.
std::optional<RangeIndex> make_far_range_index(std::span<const uint64_t> ends, ConstantData& data);

/// A value of 32 or 64 bits, as an entry has, for each number of ends, 0 of them first.
uint32_t add_values(const RangeIndex& index, std::span<const uint64_t> values, ConstantData& data);

/// What the other questions take for a number; what they say of one that is not within is nothing.
VReg distance_from_least(Builder& b, const RangeIndex& index, VReg number);
/// 1 if a distance is below 2 to the bits of the index, else 0.
VReg is_within(Builder& b, const RangeIndex& index, Word distance);
/// Where the first end above a distance stands, a pointer; without a branch.
VReg find_end(Builder& b, const RangeIndex& index, VReg distance);
/// What stands beside it.
VReg value_beside(Builder& b, const RangeIndex& index, uint32_t values, VReg end);

/// 1 if the number is in a range, else 0; without a branch.
VReg is_in_ranges(Builder& b, const RangeIndex& index, Word number);
/// The same for a branch.
Condition in_ranges(Builder& b, const RangeIndex& index, Word number);

}  // namespace vfm::bpf
