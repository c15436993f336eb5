// Sets as tables, each of the kind that suits its members.
#pragma once

#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "bpfgen/lookup/end_table.h"
#include "bpfgen/lookup/key_table.h"
#include "bpfgen/lookup/range_index.h"

namespace vfm::bpf {

/// Of keys of two words. Ranges that hold all keys with an upper word, as those of prefixes up to
/// /64 do, are ranges of that word; of others single keys are hashed.
struct WideSet {
    using Upper = std::variant<RangeIndex, EndTable>;
    std::optional<Upper> upper;
    std::optional<KeyTable> hosts;
    std::optional<EndTable> rest;
};

using SetTable = std::variant<KeyTable, RangeIndex, EndTable, WideSet>;

/// Of keys of one word. `ranges` are in order and neither overlap nor touch.
SetTable make_set(std::span<const WideRange> ranges, ConstantData& data);
/// Of keys of two.
SetTable make_wide_set(std::span<const WideRange> ranges, ConstantData& data);

/// 1 if the key, of one word or of two, the upper first, is a member, else 0; without a branch.
VReg is_member(Builder& b, const SetTable& set, std::span<const Word> key);
/// The same for a branch.
Condition is_one_of(Builder& b, const SetTable& set, std::span<const Word> key);

}  // namespace vfm::bpf
