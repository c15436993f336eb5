// The rows of a rule table as the structures of this room take them: in one list, every test a
// range.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/module/module.h"
#include "core/tables/wide.h"

namespace vfm {

/// A key as it stands among MATCH's operands.
struct RuleKey {
    uint8_t width = 64;
    uint8_t operand = 0;  ///< its first word
    bool operator==(const RuleKey&) const = default;
};

struct KeyTest {
    uint32_t key = 0;
    KeyRange<WideKey> range;
};

/// Rows up to the first that always holds.
class RuleRows {
  public:
    explicit RuleRows(const RuleTable& table);

    std::span<const RuleKey> keys() const { return keys_; }
    size_t size() const { return rules_.size(); }
    uint32_t rule(size_t row) const { return rules_[row]; }
    /// By key; a key that the row does not test is left out.
    std::span<const KeyTest> tests(size_t row) const {
        return std::span(tests_).subspan(starts_[row], starts_[row + 1] - starts_[row]);
    }

  private:
    std::vector<RuleKey> keys_;
    std::vector<uint32_t> rules_;
    std::vector<size_t> starts_ = {0};
    std::vector<KeyTest> tests_;
};

inline WideKey key_of(const RuleKey& key, const uint64_t* operands) {
    const uint64_t* const words = operands + key.operand;
    return key.width == 128 ? wide_key(words[0], words[1]) : WideKey{words[0]};
}

/// The keys, bit j for key j, on which a test can hold: those that are present and have no bits
/// above their width.
inline uint64_t usable_keys(std::span<const RuleKey> keys, const uint64_t* operands) {
    uint64_t usable = 0;
    unsigned words = 0;
    for (size_t i = 0; i < keys.size(); ++i) {
        usable |= uint64_t{keys[i].width != 32 || operands[keys[i].operand] >> 32 == 0} << i;
        words = keys[i].operand + (keys[i].width == 128 ? 2u : 1u);
    }
    return usable & operands[words];
}

}  // namespace vfm
