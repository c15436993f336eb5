// Sets of keys that no other table suits: sorted ends, searched by halves.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bpfgen/builder.h"
#include "bpfgen/constant_data.h"
#include "bpfgen/lookup/word.h"
#include "core/tables/wide.h"

namespace vfm::bpf {

using WideRange = KeyRange<WideKey>;

/// Ascending keys in constant data, 2^steps - 1 of them: the last ones, as great as can be, fill
/// up. Of two words a key's upper one comes first.
struct SortedTable {
    uint32_t offset = 0;
    unsigned steps = 0;
    unsigned words = 1;
    bool small = true;  ///< none has its highest bit set
    /// Numbers of keys that a search can find. More than there are it finds for the greatest keys.
    size_t places() const { return size_t{1} << steps; }
};

SortedTable add_sorted(ConstantData& data, const std::vector<WideKey>& keys, unsigned words);

/// How many entries of a table are not above the key. What the kernel's verifier knows of it is
/// that it is below 2^steps. Without a branch.
VReg count_up_to(Builder& b, const SortedTable& table, std::span<const Word> key);

/// By the number of ends up to the key, a byte that says whether it is a member.
struct EndTable {
    SortedTable ends;
    uint32_t members = 0;
};

/// Where something changes: the first key of a range and the first behind it.
void add_ends(const WideRange& range, WideKey greatest, std::vector<WideKey>& ends);

/// Of ranges in order that neither overlap nor touch.
EndTable make_ends(std::span<const WideRange> ranges, unsigned words, ConstantData& data);

/// 1 if the key is in a range, else 0; without a branch.
VReg is_between_ends(Builder& b, const EndTable& table, std::span<const Word> key);

}  // namespace vfm::bpf
