// Where a key stands among sorted ones: what sets of ranges and the classes of rule tables are
// looked up by.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/tables/wide.h"

namespace vfm {

/// Different keys in ascending order and an index of them: the range from the first to the last is
/// cut into as many equal parts as there are keys, rounded to a power of two, and each part says
/// which keys lie in it. Keys that are spread evenly are found in one or two steps; such as stand
/// in clusters by halving the cluster. Immutable.
template <class Key>
class SortedKeys {
  public:
    SortedKeys() = default;
    explicit SortedKeys(std::vector<Key> keys) : keys_(std::move(keys)) {
        if (keys_.empty()) return;
        const unsigned parts = bits_of(keys_.size() - 1);
        const unsigned span = bits_of(static_cast<Key>(keys_.back() - keys_.front()));
        shift_ = span > parts ? span - parts : 0;
        const auto count = static_cast<size_t>(part_of(keys_.back())) + 1;
        starts_.resize(count + 1, static_cast<uint32_t>(keys_.size()));
        size_t part = 0;
        for (size_t i = 0; i < keys_.size(); ++i)
            for (const auto last = static_cast<size_t>(part_of(keys_[i])); part <= last; ++part)
                starts_[part] = static_cast<uint32_t>(i);
    }

    size_t size() const { return keys_.size(); }
    size_t memory() const { return keys_.size() * sizeof(Key) + starts_.size() * 4; }

    /// How many of the keys are not above this one.
    size_t count_up_to(Key key) const noexcept {
        if (keys_.empty() || key < keys_.front()) return 0;
        if (key >= keys_.back()) return keys_.size();
        const auto part = static_cast<size_t>(part_of(key));
        const size_t first = starts_[part];
        const Key* at = keys_.data() + first;
        for (size_t left = starts_[part + 1] - first; left > 0;) {
            const size_t half = (left + 1) / 2;
            at += at[half - 1] <= key ? half : 0;
            left -= half;
        }
        return static_cast<size_t>(at - keys_.data());
    }

    /// Steps that the search of a key takes, on the average over the keys themselves.
    double steps() const {
        double sum = 0;
        for (size_t part = 0; part + 1 < starts_.size(); ++part) {
            const uint32_t count = starts_[part + 1] - starts_[part];
            sum += double{1} * count * bits_of(count);
        }
        return keys_.empty() ? 0 : 1 + sum / static_cast<double>(keys_.size());
    }

  private:
    Key part_of(Key key) const { return static_cast<Key>((key - keys_.front()) >> shift_); }

    std::vector<Key> keys_;
    std::vector<uint32_t> starts_;  // by part: its first key; one more at the end
    unsigned shift_ = 0;
};

}  // namespace vfm
