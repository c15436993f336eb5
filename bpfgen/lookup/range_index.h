// Sets of ranges of 32-bit numbers in constant data: an index by the upper bits, and from there a
// search by halves among the sorted ends. A number is a member if the ends up to it are odd.
#pragma once

#include <cstdint>
#include <span>

#include "bpfgen/builder.h"
#include "bpfgen/constant_data.h"
#include "bpfgen/lookup/word.h"

namespace vfm::bpf {

struct RangeIndex {
    uint32_t top = 0;       ///< by upper bits: 32 bits, where the ends begin, in bytes from `ends`
    unsigned top_bits = 0;  ///< 0: there is no index
    uint32_t ends = 0;      ///< 32 bits each: the end less 1
    unsigned place_bits = 0;  ///< what `top` holds is below 2 to this
    unsigned steps = 0;
    bool zero_is_member = false;
};

/// Of where something changes, ascending, each once and above 0.
RangeIndex make_range_index(std::span<const uint32_t> ends, bool zero_is_member,
                            ConstantData& data);

/// Four times the number of ends up to a number below 2^32; without a branch.
VReg place_in_ranges(Builder& b, const RangeIndex& index, VReg number);
/// What the kernel's verifier may take a place for, at most.
uint64_t most_place(const RangeIndex& index);

/// 1 if the number is in a range, else 0; without a branch.
VReg is_in_ranges(Builder& b, const RangeIndex& index, Word key);

}  // namespace vfm::bpf
