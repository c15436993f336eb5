#include "userspace/flow/flow_table.h"

#include <unistd.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace vfm {
namespace {

// Keys that scatter well stand at most some dozens of buckets from home.
constexpr uint64_t kFar = 128;
// New entries of a group after which its levels are lowered. Seven levels then tell the last 28
// from each other, about as many as a full group has.
constexpr uint8_t kLowerAfter = 4;

// Levels, sixteen entries a word. Nothing is carried from one entry to the next: a level has three
// bits of its entry's four.
constexpr uint64_t kOnes = 0x1111111111111111;
constexpr uint64_t kLevel = kOnes * 7;
constexpr uint64_t kSpared = kOnes * 8;
constexpr uint64_t kTop = 7;

/// The highest bit of each entry whose level is at least `bound`, 1 to 8.
uint64_t at_least(uint64_t bound, uint64_t levels) {
    return ((levels & kLevel) + kOnes * (8 - bound)) & kSpared;
}

/// Entries that so many buckets take before a table grows: 45 % of what they hold.
uint32_t room(uint32_t buckets) { return static_cast<uint32_t>(uint64_t{buckets} * 9 / 5); }

/// The number whose product with an odd one is 1, modulo 2^64.
uint64_t inverse(uint64_t odd) {
    uint64_t found = odd;  // right in the three lowest bits; each step doubles them
    for (int i = 0; i < 5; ++i) found *= 2 - odd * found;
    return found;
}

}  // namespace

uint64_t FlowTable::key(uint64_t hash) const {
    return (hash ^ hash >> 32) * inverse(factor_) ^ marker_;
}

/// Buckets of a table at its smallest. Doubled again and again they become enough for the capacity
/// and at most an eighth more.
uint32_t FlowTable::first_buckets() const {
    uint32_t buckets = 8;
    uint32_t doublings = 0;
    while (room(buckets << doublings) < capacity_)
        if (++buckets == 16) buckets = 8, ++doublings;
    return buckets;
}

size_t FlowTable::bytes_for(uint32_t buckets) const {
    const size_t order = capacity_ <= kExact ? sizeof(*order_) : 0;
    return buckets * (sizeof(Bucket) + kBucket * order + sizeof(*used_)) +
           groups_of(buckets) * (sizeof(*levels_) + sizeof(*arrivals_));
}

size_t FlowTable::most_bytes() const {
    uint32_t buckets = first_buckets();
    while (room(buckets) < capacity_) buckets *= 2;
    return capacity_ == 0 ? 0 : bytes_for(buckets);
}

FlowTable::Place FlowTable::find(uint64_t hash) const {
    if (hash == 0) return {};
    for (uint64_t at = home(hash);; at = next(at)) {
        const Bucket& bucket = buckets_[at];
        const uint32_t found = equal(bucket.low, static_cast<uint32_t>(hash)) &
                               equal(bucket.high, static_cast<uint32_t>(hash >> 32));
        if (found != 0) return {at, static_cast<uint32_t>(std::countr_zero(found))};
        if (!bucket.full()) return {};
    }
}

uint64_t FlowTable::use_and_get(uint64_t key) {
    const Place at = find(hash(key));
    if (at.missing()) return 0;
    touch(at);
    return value(at);
}

/// Null if the store is refused; a new entry has the value 0.
uint64_t* FlowTable::use_or_create(uint64_t key) {
    Place at = find(hash(key));
    if (at.missing())
        at = create(key);
    else
        touch(at);
    return at.missing() ? nullptr : &value(at);
}

bool FlowTable::remove(uint64_t key) {
    const Place at = find(hash(key));
    if (!at.missing()) erase(at);
    return !at.missing();
}

uint64_t FlowTable::level(const Levels* levels, Place at) {
    const uint64_t word = at.number() / 16 % std::tuple_size_v<Levels>;
    return levels[at.bucket / kGroup][word] >> at.number() % 16 * 4 & 15;
}

void FlowTable::set_level(Place at, uint64_t level) {
    const uint64_t shift = at.number() % 16 * 4;
    uint64_t& word = levels_[at.bucket / kGroup][at.number() / 16 % std::tuple_size_v<Levels>];
    word = (word & ~(uint64_t{15} << shift)) | level << shift;
}

/// Keeps an entry from the next age().
void FlowTable::spare(Place at) {
    const uint64_t word = at.number() / 16 % std::tuple_size_v<Levels>;
    levels_[at.bucket / kGroup][word] |= uint64_t{8} << at.number() % 16 * 4;
}

void FlowTable::note_use(Place at) {
    if (order_) {
        order_[at.number()] = ++clock_;
        spare(at);
    } else {
        used_[at.bucket] |= at.bit();
    }
}

/// Makes an entry for a key that has none.
FlowTable::Place FlowTable::create(uint64_t key) {
    if (size_ < limit_ && size_ == room(bucket_count()) &&
        !rebuild(size_ == 0 ? first_buckets() : bucket_count() * 2, factor_, marker_))
        limit_ = size_;
    const bool at_limit = size_ == limit_;
    if ((at_limit && (eviction_ == Eviction::none || size_ == 0)) ||
        (key == marker_ && !scatter())) {
        ++refused_stores_;
        return {};
    }
    if (at_limit) evict_for(hash(key));

    uint64_t distance = 0;
    const Place at = place(hash(key), distance);
    set_level(at, kTop);
    touch(at);
    count_arrival(at.bucket / kGroup);
    ++size_;
    ++created_;
    if (distance <= kFar || created_ < calm_until_) return at;
    calm_until_ = created_ + bucket_count_ * kBucket;
    return scatter() ? find(hash(key)) : at;
}

/// Puts a hash that is not there into the first bucket with room, `distance` buckets from home.
FlowTable::Place FlowTable::place(uint64_t hash, uint64_t& distance) {
    Place at = {home(hash), 0};
    for (distance = 0; buckets_[at.bucket].full(); ++distance) at.bucket = next(at.bucket);
    Bucket& bucket = buckets_[at.bucket];
    while (bucket.hash(at.which) != 0) ++at.which;
    bucket.low[at.which] = static_cast<uint32_t>(hash);
    bucket.high[at.which] = static_cast<uint32_t>(hash >> 32);
    bucket.values[at.which] = 0;
    return at;
}

void FlowTable::erase(Place at) {
    const bool was_full = buckets_[at.bucket].full();
    vacate(at);
    --size_;
    if (was_full) fill(at.bucket);
}

/// Empties a place; the last entry of the bucket moves there.
void FlowTable::vacate(Place at) {
    Bucket& bucket = buckets_[at.bucket];
    Place last = {at.bucket, kBucket - 1};
    while (bucket.hash(last.which) == 0) --last.which;
    if (last != at) move(last, at);
    bucket.low[last.which] = bucket.high[last.which] = 0;
    set_level(last, 0);
    used_[last.bucket] &= static_cast<uint8_t>(~last.bit());
}

/// Makes `to` what `from` is, which stays as it was.
void FlowTable::move(Place from, Place to) {
    const Bucket& source = buckets_[from.bucket];
    Bucket& target = buckets_[to.bucket];
    target.low[to.which] = source.low[from.which];
    target.high[to.which] = source.high[from.which];
    target.values[to.which] = source.values[from.which];
    set_level(to, level(levels_, from));
    const bool used = (used_[from.bucket] & from.bit()) != 0;
    used_[to.bucket] &= static_cast<uint8_t>(~to.bit());
    if (used) used_[to.bucket] |= to.bit();
    if (order_) order_[to.number()] = order_[from.number()];
}

/// Fills the last place of a bucket that was full, if an entry behind it stands there only because
/// of that; then the same for the bucket from which that entry came.
void FlowTable::fill(uint64_t hole) {
    const auto behind = [&](uint64_t bucket, uint64_t front) {
        return bucket >= front ? bucket - front : bucket + bucket_count_ - front;
    };
    for (uint64_t at = next(hole);; at = next(at)) {
        const Bucket& bucket = buckets_[at];
        const bool was_full = bucket.full();
        for (Place from = {at, 0}; from.which < kBucket && bucket.hash(from.which) != 0;
             ++from.which) {
            if (behind(at, home(bucket.hash(from.which))) < behind(at, hole)) continue;
            const Place to = {hole, kBucket - 1};
            move(from, to);
            // age() comes by one group after the other: what changes its group is spared.
            if (at / kGroup != hole / kGroup) spare(to);
            vacate(from);
            hole = at;
            break;
        }
        if (!was_full) return;
    }
}

/// Removes an entry of a full table, one near to where the hash will stand.
void FlowTable::evict_for(uint64_t hash) {
    if (order_) return erase(oldest());
    for (uint64_t group = home(hash) / kGroup;; group = group + 1 == groups() ? 0 : group + 1)
        if (const Place victim = lowest(group); !victim.missing()) return erase(victim);
}

/// The entry used longest ago, where the order is kept.
FlowTable::Place FlowTable::oldest() const {
    Place found;
    uint64_t least = UINT64_MAX;
    for (Place at; at.bucket < bucket_count_; ++at.bucket)
        for (at.which = 0; at.which < kBucket && buckets_[at.bucket].hash(at.which); ++at.which)
            if (order_[at.number()] < least) {
                least = order_[at.number()];
                found = at;
            }
    return found;
}

/// The bits of a group become levels.
void FlowTable::raise_used(uint64_t group) {
    const uint64_t end = std::min((group + 1) * kGroup, bucket_count_);
    for (uint64_t bucket = group * kGroup; bucket < end; ++bucket) {
        // Bit n becomes all four bits of entry n.
        const uint64_t bits = used_[bucket];
        const uint64_t entries = (bits & 1) | (bits & 2) << 3 | (bits & 4) << 6 | (bits & 8) << 9;
        levels_[group][bucket % kGroup / 4] |= entries * 15 << bucket % 4 * 16;
        used_[bucket] = 0;
    }
}

/// Every few new entries lower the levels of a group. One stays at 1 or above.
void FlowTable::count_arrival(uint64_t group) {
    if (++arrivals_[group] < kLowerAfter) return;
    arrivals_[group] = 0;
    raise_used(group);
    for (uint64_t& entries : levels_[group]) entries -= at_least(2, entries) >> 3;
}

/// An entry of a group with the lowest level, missing if there is no entry.
FlowTable::Place FlowTable::lowest(uint64_t group) {
    raise_used(group);
    const Levels& levels = levels_[group];
    const size_t first = arrivals_[group];  // so that it is not always the same places that are hit
    for (uint64_t bound = 1; bound <= kTop; ++bound) {
        for (size_t i = 0; i < levels.size(); ++i) {
            const size_t word = (first + i) % levels.size();
            const uint64_t found =
                at_least(bound, levels[word]) & ~at_least(bound + 1, levels[word]);
            if (found == 0) continue;
            const auto entry = static_cast<uint32_t>(word * 16) +
                               static_cast<uint32_t>(std::countr_zero(found)) / 4;
            return {group * kGroup + entry / kBucket, entry % kBucket};
        }
    }
    return {};
}

uint32_t FlowTable::age(uint32_t groups_now) {
    const uint32_t before = size_;
    for (uint32_t left = std::min(groups_now, groups()); left > 0; --left) {
        const uint64_t group = next_to_age_ < groups() ? next_to_age_ : 0;
        const uint64_t end = std::min((group + 1) * kGroup, bucket_count_);
        raise_used(group);
        for (Place at = {group * kGroup, 0}; at.bucket < end; ++at.bucket)
            for (at.which = 0; at.which < kBucket && buckets_[at.bucket].hash(at.which) != 0;) {
                if ((level(levels_, at) & 8) != 0)
                    ++at.which;
                else
                    erase(at);  // another entry may stand there now
            }
        for (uint64_t& entries : levels_[group]) entries &= kLevel;
        next_to_age_ = static_cast<uint32_t>(group) + 1;
    }
    return before - size_;
}

void FlowTable::entries(uint32_t table, std::vector<FlowEntry>& out) const {
    for (const Bucket& bucket : std::span(buckets_, bucket_count()))
        for (uint32_t which = 0; which < kBucket && bucket.hash(which) != 0; ++which)
            out.push_back({table, key(bucket.hash(which)), bucket.values[which]});
}

void FlowTable::clear() {
    memory_ = {};
    buckets_ = &no_bucket_;
    bucket_count_ = 1;
    used_ = &no_use_;
    order_ = nullptr;
    levels_ = nullptr;
    arrivals_ = nullptr;
    size_ = 0;
    limit_ = capacity_;
    next_to_age_ = 0;
    refused_stores_ = 0;
}

/// Moves all entries to new memory of so many buckets; false if the system has none, then nothing
/// has changed. No key may equal the new marker.
bool FlowTable::rebuild(uint32_t count, uint64_t factor, uint64_t marker) {
    ZeroedMemory memory = ZeroedMemory::make(bytes_for(count));
    if (!memory.data()) return false;
    const std::span<const Bucket> old_buckets(buckets_, bucket_count());
    const uint8_t* const old_used = used_;
    const uint64_t* const old_order = order_;
    const Levels* const old_levels = levels_;
    const uint64_t unhash = inverse(factor_), unmark = marker_;
    const bool same = factor == factor_ && marker == marker_;
    const ZeroedMemory old = std::exchange(memory_, std::move(memory));

    std::byte* free = memory_.data();
    const auto take = [&]<class T>(T*& array, size_t elements) {
        array = reinterpret_cast<T*>(free);
        free += elements * sizeof(T);
    };
    take(buckets_, count);
    if (capacity_ <= kExact) take(order_, size_t{count} * kBucket);
    take(levels_, groups_of(count));
    take(used_, count);
    take(arrivals_, groups_of(count));
    bucket_count_ = count;
    factor_ = factor;
    marker_ = marker;
    next_to_age_ = 0;

    uint64_t distance = 0;
    for (Place from; from.bucket < old_buckets.size(); ++from.bucket) {
        const Bucket& bucket = old_buckets[from.bucket];
        for (from.which = 0; from.which < kBucket && bucket.hash(from.which) != 0; ++from.which) {
            const uint64_t old_hash = bucket.hash(from.which);
            const Place to = place(
                same ? old_hash : hash((old_hash ^ old_hash >> 32) * unhash ^ unmark), distance);
            value(to) = bucket.values[from.which];
            set_level(to, level(old_levels, from));
            if ((old_used[from.bucket] & from.bit()) != 0) used_[to.bucket] |= to.bit();
            if (order_) order_[to.number()] = old_order[from.number()];
        }
    }
    return true;
}

/// Hashes all keys anew, with numbers that nobody can guess.
bool FlowTable::scatter() {
    for (;;) {
        std::array<uint64_t, 2> random;
        if (getentropy(random.data(), sizeof random) != 0) return false;
        const uint64_t marker = random[0];
        if (marker == marker_ || !find(hash(marker)).missing()) continue;
        return rebuild(bucket_count(), random[1] | 1, marker);
    }
}

std::vector<FlowEntry> FlowTables::entries() const {
    std::vector<FlowEntry> out;
    for (uint32_t number = 0; number < tables_.size(); ++number)
        tables_[number].entries(number, out);
    return out;
}

uint64_t FlowTables::refused_stores() const {
    uint64_t sum = 0;
    for (const FlowTable& table : tables_) sum += table.refused_stores();
    return sum;
}

}  // namespace vfm
