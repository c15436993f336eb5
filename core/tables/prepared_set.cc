#include "core/tables/prepared_set.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/tables/sorted_keys.h"
#include "core/tables/wide.h"

namespace vfm {
namespace {

// Measured by bench_tables; README.md says how.
constexpr size_t kMostCompared = 16;
constexpr size_t kMostComparedWide = 8;
constexpr size_t kFewerThanBitmap = 4;  // ranges that are compared faster than a bit is found
constexpr size_t kSmallBitmap = 8192;   // bytes: 65,536 keys
constexpr size_t kBitmapBytes = 16;  // a range, where the bitmap is larger: what others need, too
constexpr size_t kHashedKeys = 2;    // a range
// What somebody may ask for beyond that.
constexpr size_t kLargestBitmap = size_t{1} << 20;
constexpr size_t kMostHashedKeys = 64;

template <class Key>
using Ranges = std::vector<KeyRange<Key>>;

/// The key as the set's type; false if it has bits above the set's width.
template <class Key>
bool narrow(uint64_t hi, uint64_t lo, Key greatest, Key& key) {
    if constexpr (sizeof(Key) == 16) {
        key = wide_key(hi, lo);
        return true;
    } else {
        key = static_cast<Key>(lo);
        return hi == 0 && lo <= greatest;
    }
}

/// Members as ranges in order, none of which touches another.
template <class Key>
Ranges<Key> ranges_of(const SetDecl& set) {
    Ranges<Key> ranges;
    ranges.reserve(set.members.size());
    for (const SetMember& member : set.members) {
        const auto range = prefix_range(wide_key(member.hi, member.lo), member.length, set.width);
        ranges.push_back({static_cast<Key>(range.first), static_cast<Key>(range.last)});
    }
    if (!std::ranges::is_sorted(ranges, {}, &KeyRange<Key>::first))
        std::ranges::sort(ranges, {}, &KeyRange<Key>::first);
    size_t count = 0;
    for (const KeyRange<Key>& range : ranges) {
        if (count > 0 &&
            (range.first <= ranges[count - 1].last || range.first - 1 == ranges[count - 1].last))
            ranges[count - 1].last = std::max(ranges[count - 1].last, range.last);
        else
            ranges[count++] = range;
    }
    ranges.resize(count);
    return ranges;
}

template <class Key>
class ComparedSet final : public PreparedSet {
  public:
    ComparedSet(Ranges<Key> ranges, Key greatest)
        : PreparedSet(SetMethod::compare, fmt::format("compare: {} ranges", ranges.size()),
                      ranges.size() * sizeof(KeyRange<Key>),
                      1 + static_cast<double>(ranges.size() * sizeof(Key)) / 24),
          greatest_(greatest),
          ranges_(std::move(ranges)) {}

    bool contains(uint64_t hi, uint64_t lo) const noexcept override {
        Key key = 0;
        bool found = false;
        if (!narrow(hi, lo, greatest_, key)) return false;
        for (const KeyRange<Key>& range : ranges_)
            found |=
                static_cast<Key>(key - range.first) <= static_cast<Key>(range.last - range.first);
        return found;
    }

  private:
    Key greatest_;
    Ranges<Key> ranges_;
};

template <class Key>
class BitmapSet final : public PreparedSet {
  public:
    BitmapSet(const Ranges<Key>& ranges, Key greatest)
        : PreparedSet(
              SetMethod::bitmap,
              fmt::format("bitmap: {} keys",
                          static_cast<uint64_t>(ranges.back().last - ranges.front().first) + 1),
              words_for(ranges) * sizeof(uint64_t), 3),
          greatest_(greatest),
          least_(ranges.front().first),
          span_(static_cast<uint64_t>(ranges.back().last - least_)),
          words_(words_for(ranges)) {
        for (const KeyRange<Key>& range : ranges)
            fill(static_cast<uint64_t>(range.first - least_),
                 static_cast<uint64_t>(range.last - least_));
    }

    bool contains(uint64_t hi, uint64_t lo) const noexcept override {
        Key key = 0;
        if (!narrow(hi, lo, greatest_, key)) return false;
        const Key beyond = static_cast<Key>(key - least_);
        if (beyond > span_) return false;
        const auto bit = static_cast<uint64_t>(beyond);
        return (words_[bit / 64] >> bit % 64 & 1) != 0;
    }

  private:
    static size_t words_for(const Ranges<Key>& ranges) {
        return static_cast<size_t>(ranges.back().last - ranges.front().first) / 64 + 1;
    }
    void fill(uint64_t first, uint64_t last) {
        for (uint64_t word = first / 64; word <= last / 64; ++word) {
            uint64_t bits = ~uint64_t{0};
            if (word == first / 64) bits &= ~uint64_t{0} << first % 64;
            if (word == last / 64) bits &= ~uint64_t{0} >> (63 - last % 64);
            words_[word] |= bits;
        }
    }

    Key greatest_;
    Key least_;
    uint64_t span_;
    std::vector<uint64_t> words_;
};

/// Lines of one cache line each. A key stands in its line or, where that is full, in the next one
/// that is not. 0 is no entry; whether 0 is a member is known apart. Who chose the members may have
/// chosen them to stand in one line: then it is crowded.
template <class Key>
class HashedSet final : public PreparedSet {
    static constexpr size_t kKeys = 64 / sizeof(Key);
    struct alignas(64) Line {
        std::array<Key, kKeys> keys{};
    };

  public:
    HashedSet(const std::vector<Key>& keys, Key greatest)
        : PreparedSet(SetMethod::hash, fmt::format("hash: {} keys", keys.size()),
                      lines_for(keys.size()) * sizeof(Line), 8),
          greatest_(greatest),
          zero_(keys.front() == 0),
          lines_(lines_for(keys.size())) {
        for (size_t i = zero_ ? 1 : 0; i < keys.size() && !crowded_; ++i) insert(keys[i]);
    }

    /// Then not all keys are there.
    bool crowded() const { return crowded_; }

    bool contains(uint64_t hi, uint64_t lo) const noexcept override {
        Key key = 0;
        if (!narrow(hi, lo, greatest_, key)) return false;
        if (key == 0) return zero_;
        for (size_t at = home(key);; at = next(at)) {
            const Line& line = lines_[at];
            unsigned found = 0;
            for (size_t i = 0; i < kKeys; ++i) found |= line.keys[i] == key ? 1u : 0u;
            if (found != 0) return true;
            if (line.keys.back() == 0) return false;
        }
    }

  private:
    /// At most five eighths are used, so that few lines are full.
    static size_t lines_for(size_t keys) { return keys * 8 / 5 / kKeys + 1; }

    static uint64_t mixed(uint64_t word) {
        const WideKey product = WideKey{word ^ 0xC2B2AE3D27D4EB4F} * 0x9E3779B97F4A7C15;
        return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
    }
    size_t home(Key key) const {
        uint64_t hash = 0;
        if constexpr (sizeof(Key) == 16) hash = mixed(static_cast<uint64_t>(key >> 64));
        hash = mixed(hash ^ static_cast<uint64_t>(key));
        return static_cast<size_t>(WideKey{hash} * lines_.size() >> 64);
    }
    size_t next(size_t line) const { return line + 1 == lines_.size() ? 0 : line + 1; }
    void insert(Key key) {
        size_t at = home(key);
        for (unsigned distance = 0; lines_[at].keys.back() != 0; at = next(at))
            if (++distance > kFarFromHome) crowded_ = true;
        *std::ranges::find(lines_[at].keys, Key{0}) = key;
    }

    static constexpr unsigned kFarFromHome = 64;  // lines

    Key greatest_;
    bool zero_;
    bool crowded_ = false;
    std::vector<Line> lines_;
};

/// The first key of each range and the first behind it: a key is a member if an odd number of them
/// is not above it.
template <class Key>
std::vector<Key> ends_of(const Ranges<Key>& ranges, Key greatest) {
    std::vector<Key> ends;
    ends.reserve(ranges.size() * 2);
    for (const KeyRange<Key>& range : ranges) {
        ends.push_back(range.first);
        if (range.last != greatest) ends.push_back(static_cast<Key>(range.last + 1));
    }
    return ends;
}

template <class Key>
class RangesSet final : public PreparedSet {
  public:
    RangesSet(size_t ranges, SortedKeys<Key> ends, Key greatest)
        : PreparedSet(SetMethod::ranges, fmt::format("ranges: {}", ranges), ends.memory(),
                      3 + 2 * ends.steps()),
          greatest_(greatest),
          ends_(std::move(ends)) {}

    bool contains(uint64_t hi, uint64_t lo) const noexcept override {
        Key key = 0;
        if (!narrow(hi, lo, greatest_, key)) return false;
        return ends_.count_up_to(key) % 2 == 1;
    }

  private:
    Key greatest_;
    SortedKeys<Key> ends_;
};

/// How many keys there are; nothing if more than `most`.
template <class Key>
std::optional<size_t> keys_in(const Ranges<Key>& ranges, size_t most) {
    size_t count = 0;
    for (const KeyRange<Key>& range : ranges) {
        const Key more = static_cast<Key>(range.last - range.first);
        if (more >= most || count + static_cast<size_t>(more) + 1 > most) return std::nullopt;
        count += static_cast<size_t>(more) + 1;
    }
    return count;
}

template <class Key>
std::vector<Key> all_keys(const Ranges<Key>& ranges, size_t count) {
    std::vector<Key> keys;
    keys.reserve(count);
    for (const KeyRange<Key>& range : ranges)
        for (Key key = range.first;; ++key) {
            keys.push_back(key);
            if (key == range.last) break;
        }
    return keys;
}

/// Whether a bitmap takes at most so many bytes.
template <class Key>
bool bitmap_within(const Ranges<Key>& ranges, size_t most) {
    return !ranges.empty() && (ranges.back().last - ranges.front().first) / 8 < most;
}

template <class Key>
SetMethod best_method(const Ranges<Key>& ranges) {
    if (ranges.size() <= kFewerThanBitmap) return SetMethod::compare;
    if (bitmap_within(ranges, std::max(kSmallBitmap, ranges.size() * kBitmapBytes)))
        return SetMethod::bitmap;
    if (ranges.size() <= (sizeof(Key) == 16 ? kMostComparedWide : kMostCompared))
        return SetMethod::compare;
    return keys_in(ranges, ranges.size() * kHashedKeys) ? SetMethod::hash : SetMethod::ranges;
}

template <class Key>
std::shared_ptr<const PreparedSet> set_by(const SetDecl& set, std::optional<SetMethod> wanted) {
    Ranges<Key> ranges = ranges_of<Key>(set);
    const auto greatest = static_cast<Key>(greatest_of(set.width));
    switch (wanted.value_or(best_method(ranges))) {
        case SetMethod::compare:
            ranges.shrink_to_fit();
            return std::make_shared<ComparedSet<Key>>(std::move(ranges), greatest);
        case SetMethod::bitmap:
            if (!bitmap_within(ranges, std::max(kLargestBitmap, ranges.size() * kBitmapBytes)))
                return nullptr;
            return std::make_shared<BitmapSet<Key>>(ranges, greatest);
        case SetMethod::hash: {
            const auto count = keys_in(ranges, ranges.size() * kMostHashedKeys);
            if (!count || *count == 0) return nullptr;
            auto hashed = std::make_shared<HashedSet<Key>>(all_keys(ranges, *count), greatest);
            if (!hashed->crowded()) return hashed;
            break;
        }
        case SetMethod::ranges:
            break;
    }
    const size_t count = ranges.size();
    SortedKeys<Key> ends(ends_of(ranges, greatest));
    return std::make_shared<RangesSet<Key>>(count, std::move(ends), greatest);
}

std::shared_ptr<const PreparedSet> set_of(const SetDecl& set, std::optional<SetMethod> wanted) {
    if (set.width == 32) return set_by<uint32_t>(set, wanted);
    return set.width == 128 ? set_by<WideKey>(set, wanted) : set_by<uint64_t>(set, wanted);
}

}  // namespace

std::shared_ptr<const PreparedSet> PreparedSet::make(const SetDecl& set) {
    return set_of(set, std::nullopt);
}

std::shared_ptr<const PreparedSet> PreparedSet::make(const SetDecl& set, SetMethod method) {
    return set_of(set, method);
}

}  // namespace vfm
