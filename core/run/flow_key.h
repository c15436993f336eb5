// A key of a flow table as engines hand it to others.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "core/isa/limits.h"

namespace vfm {

/// As many words as its table's key has (TableDecl::words()), the first pushed first; those behind
/// them are 0. Keys of one table are ordered as lists of words.
struct FlowKey {
    std::array<uint64_t, kMaxKeyWords> words{};
    uint8_t count = 1;

    FlowKey() = default;
    /// Of one word, as most keys are.
    FlowKey(uint64_t word) : words{word} {}
    /// Of 1 to kMaxKeyWords words.
    explicit FlowKey(std::span<const uint64_t> all) : count(static_cast<uint8_t>(all.size())) {
        std::ranges::copy(all, words.begin());
    }

    std::span<const uint64_t> all() const { return {words.data(), count}; }
    auto operator<=>(const FlowKey&) const = default;
};

}  // namespace vfm
