#include "userspace/jit/plan/key_hash.h"

#include <algorithm>
#include <bit>

#include "core/isa/alu.h"

namespace vfm::jit {
namespace {

/// Odd numbers without a pattern, always the same ones.
class Multipliers {
  public:
    uint64_t next() {
        state_ = mix(state_, 1);
        return state_ | 1;
    }

  private:
    uint64_t state_ = kMixStart;
};

constexpr size_t kSmallKeys = 32;
constexpr unsigned kSmallLog = 9;  // at most 512 slots
constexpr unsigned kSmallTries = 16;
constexpr unsigned kLargeTries = 64;
constexpr unsigned kLargestLog = 26;

bool fill(SmallHash& hash, std::span<const uint64_t> keys) {
    std::vector<bool> taken(hash.slots.size());
    for (const uint64_t key : keys) {
        const uint32_t slot = static_cast<uint32_t>(key * hash.multiplier) >> hash.shift;
        if (taken[slot]) return false;
        taken[slot] = true;
        hash.slots[slot] = key;
    }
    return true;
}

/// Builds a LargeHash with one multiplier after the other; what it needs meanwhile is kept.
class Builder {
  public:
    Builder(std::span<const uint64_t> keys, bool wide) : keys_(keys) {
        const auto count = static_cast<uint64_t>(keys.size());
        slots_log_ = std::max(4u, static_cast<unsigned>(std::bit_width(2 * count - 1)));
        buckets_log_ = std::max(1u, slots_log_ - 2);
        hash_.wide = wide;
        hash_.bucket_shift = 64 - buckets_log_;
        hashes_.resize(count);
        sorted_.resize(count);
    }

    bool attempt(uint64_t multiplier) {
        hash_.multiplier = multiplier;
        sort();
        hash_.slots.assign(size_t{1} << slots_log_, keys_.front());
        hash_.displacements.assign(size_t{1} << buckets_log_, 0);
        taken_.assign(hash_.slots.size(), 0);
        free_ = 0;
        // The largest buckets first, while there is room.
        for (uint32_t size = largest_; size > 0; --size)
            for (const uint32_t bucket : by_size_[size])
                if (!settle(bucket, size)) return false;
        return true;
    }

    LargeHash take() { return std::move(hash_); }

  private:
    uint32_t mask() const { return static_cast<uint32_t>(hash_.slots.size()) - 1; }
    uint32_t home(uint32_t key) const { return static_cast<uint32_t>(hashes_[key] >> 32); }

    // Key numbers sorted by bucket, buckets by size.
    void sort() {
        first_.assign((size_t{1} << buckets_log_) + 1, 0);
        for (size_t i = 0; i < keys_.size(); ++i) {
            hashes_[i] = hash_.hash(keys_[i]);
            ++first_[(hashes_[i] >> hash_.bucket_shift) + 1];
        }
        largest_ = *std::ranges::max_element(first_);
        if (by_size_.size() <= largest_) by_size_.resize(largest_ + 1);
        for (auto& buckets : by_size_) buckets.clear();
        for (uint32_t bucket = 0; bucket + 1 < first_.size(); ++bucket) {
            by_size_[first_[bucket + 1]].push_back(bucket);
            first_[bucket + 1] += first_[bucket];
        }
        next_.assign(first_.begin(), first_.end() - 1);
        for (uint32_t i = 0; i < keys_.size(); ++i)
            sorted_[next_[hashes_[i] >> hash_.bucket_shift]++] = i;
    }

    bool fits(std::span<const uint32_t> members, uint32_t displacement) {
        size_t placed = 0;
        for (; placed < members.size(); ++placed) {
            uint8_t& taken = taken_[(home(members[placed]) + displacement) & mask()];
            if (taken) break;
            taken = 1;
        }
        if (placed == members.size()) return true;
        while (placed-- > 0) taken_[(home(members[placed]) + displacement) & mask()] = 0;
        return false;
    }

    bool settle(uint32_t bucket, uint32_t size) {
        const auto members = std::span(sorted_).subspan(first_[bucket], size);
        for (uint32_t tries = 0; tries <= mask(); ++tries) {
            // From the first slot that may be free on: single keys take it at once.
            while (taken_[free_]) ++free_;
            const uint32_t displacement =
                (static_cast<uint32_t>(free_) + tries - home(members[0])) & mask();
            if (!fits(members, displacement)) continue;
            hash_.displacements[bucket] = displacement;
            for (const uint32_t key : members)
                hash_.slots[(home(key) + displacement) & mask()] = keys_[key];
            return true;
        }
        return false;
    }

    std::span<const uint64_t> keys_;
    unsigned slots_log_ = 0, buckets_log_ = 0;
    LargeHash hash_;
    std::vector<uint64_t> hashes_;  // by key
    std::vector<uint32_t> first_;   // by bucket: its first member in sorted_
    std::vector<uint32_t> next_;
    std::vector<uint32_t> sorted_;  // key numbers
    std::vector<std::vector<uint32_t>> by_size_;
    uint32_t largest_ = 0;
    std::vector<uint8_t> taken_;  // by slot
    size_t free_ = 0;             // no slot before it is free
};

}  // namespace

std::optional<SmallHash> make_small_hash(std::span<const uint64_t> keys) {
    if (keys.empty() || keys.size() > kSmallKeys) return {};
    SmallHash hash;
    for (unsigned log = std::max(4u, static_cast<unsigned>(std::bit_width(keys.size())));
         log <= kSmallLog; ++log) {
        Multipliers multipliers;
        hash.shift = 32 - log;
        for (unsigned tries = 0; tries < kSmallTries; ++tries) {
            hash.multiplier = static_cast<uint32_t>(multipliers.next());
            hash.slots.assign(size_t{1} << log, keys.front());
            if (fill(hash, keys)) return hash;
        }
    }
    return {};
}

std::optional<LargeHash> make_large_hash(std::span<const uint64_t> keys, bool wide) {
    if (keys.empty() || keys.size() > size_t{1} << (kLargestLog - 2)) return {};
    Builder builder(keys, wide);
    Multipliers multipliers;
    for (unsigned tries = 0; tries < kLargeTries; ++tries)
        if (builder.attempt(multipliers.next())) return builder.take();
    return {};
}

}  // namespace vfm::jit
