// All keys of a flow table hashed anew where they are: no memory is needed for it, so that a table
// in given memory can do it on the packet path, and a reader finds every entry meanwhile.
//
// An entry waits until it was hashed anew; the bit of its level by which age() spares it says so.
// Each is taken out and put into the first bucket from its new home where not all entries are done.
// If that bucket is full, one that waits makes room and is the next to be put down. Entries that
// are done never move, so in the end every bucket before an entry, back to its home, is full.
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "userspace/flow/flow_table.h"

namespace vfm {
namespace {

constexpr uint64_t kWaits = FlowMemoryHeader::kWaits;
constexpr uint64_t kEachEntry = 0x1111111111111111;
constexpr uint64_t kBucketWaits = 0x8888;  // of its four entries

/// The first entry of a bucket that waits, of those whose bits are set.
uint32_t first_of(uint64_t waits) { return static_cast<uint32_t>(std::countr_zero(waits)) / 4; }

}  // namespace

/// An entry in nobody's place.
struct FlowTable::Moving {
    FlowKey key = {};
    uint64_t used = 0;  // first bit of its word
    uint64_t value = 0;
    uint64_t level = 0;
    uint64_t order = 0;
    bool none = false;
};

/// Hashes all keys anew, with numbers that nobody can guess and by which `key` has a hash too.
bool FlowTable::scatter(KeyWords key) {
    for (;;) {
        std::array<uint64_t, 2> random;
        if (getentropy(random.data(), sizeof random) != 0) return false;
        const FlowNumbers numbers = {random[0], random[1] | 1};
        if (words_ == 1 && !scatters(numbers, key)) continue;
        rehash(numbers);
        return true;
    }
}

/// Neither this key nor one that is there would have a hash that looks like no entry.
bool FlowTable::scatters(const FlowNumbers& numbers, KeyWords key) const {
    for (const uint64_t empty : {numbers.marker, numbers.marker ^ kFirstBit})
        if (key.words[0] == empty || contains({&empty})) return false;
    return true;
}

/// No key may have a hash then that looks like no entry.
void FlowTable::rehash(const FlowNumbers& numbers) {
    const FlowNumbers earlier = {marker_, factor_};
    spare_all();  // all wait
    marker_ = numbers.marker;
    factor_ = numbers.factor;
    if (header_) {
        store_numbers(header_->earlier, earlier);
        store(header_->rehashes, header_->rehashes + 1);
        store_numbers(header_->numbers, numbers);
    }
    for (uint64_t bucket = 0; bucket < bucket_count_; ++bucket)
        while (const uint64_t waits = waiting(bucket)) {
            Moving entry = take_out({bucket, first_of(waits)}, earlier);
            while (!entry.none) entry = put_down(entry, earlier);
        }
    if (header_) store(header_->rehashes, header_->rehashes + 1);
    spare_all();
    next_to_age_ = 0;
}

/// A bit for each entry of a bucket that waits.
uint64_t FlowTable::waiting(uint64_t bucket) const {
    return levels_[bucket / kGroup][bucket % kGroup / 4] >> bucket % 4 * 16 & kBucketWaits;
}

/// Spares all entries from the next age().
void FlowTable::spare_all() {
    for (Levels& group : std::span(levels_, groups()))
        for (uint64_t& levels : group)
            levels |= ((levels & kEachEntry * 7) + kEachEntry * 7) &
                      kEachEntry * kWaits;  // of 1 and above
}

FlowTable::Moving FlowTable::take_out(Place at, const FlowNumbers& earlier) {
    const FlowKey key =
        keys_ ? key_at(at) : FlowKey(hash_at(at) * flow_inverse(earlier.factor) ^ earlier.marker);
    const Moving entry = {.key = key,
                          .used = word(at) & kFirstBit,
                          .value = value(at),
                          .level = level(levels_, at) & ~kWaits,
                          .order = order_ ? order_[at.number()] : 0};
    vacate(at);
    return entry;
}

/// Gives the entry that had to make room, if one had.
FlowTable::Moving FlowTable::put_down(const Moving& entry, const FlowNumbers& earlier) {
    const KeyWords key = {entry.key.words.data()};
    const uint64_t hash = this->hash(key);
    Place at = {home(hash), 0};
    while (buckets_[at.bucket].full() && waiting(at.bucket) == 0) at.bucket = next(at.bucket);
    Moving out = {.none = true};
    if (buckets_[at.bucket].full())
        out = take_out({at.bucket, first_of(waiting(at.bucket))}, earlier);
    while (is_entry(at)) ++at.which;
    set_level(at, entry.level);
    write_entry(at, (hash & ~kFirstBit) | entry.used, key, entry.value);
    if (order_) order_[at.number()] = entry.order;
    return out;
}

}  // namespace vfm
