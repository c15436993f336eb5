#include "userspace/flow/flow_table.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "core/base/check.h"

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
constexpr uint64_t kUsed = 15;  // at the top, and spared by age()

/// The highest bit of each entry whose level is at least `bound`, 1 to 8.
uint64_t at_least(uint64_t bound, uint64_t levels) {
    return ((levels & kLevel) + kOnes * (8 - bound)) & kSpared;
}

/// Entries that so many buckets take before a table grows: 45 % of what they hold.
uint32_t room(uint32_t buckets) { return static_cast<uint32_t>(uint64_t{buckets} * 9 / 5); }

}  // namespace

FlowKey FlowTable::key_at(Place at) const {
    if (keys_) return FlowKey(std::span(stored_key(at), words_));
    return hash_at(at) * flow_inverse(factor_) ^ marker_;
}

/// Buckets of a table at its smallest, an even number. Doubled again and again they become enough
/// for the capacity and at most an eighth more.
uint32_t FlowTable::first_buckets() const {
    uint32_t buckets = 8;
    uint32_t doublings = 0;
    while (room(buckets << doublings) < capacity_) {
        buckets += 2;
        if (buckets == 32) buckets = 16, ++doublings;
    }
    return buckets;
}

size_t FlowTable::bytes_for(uint32_t buckets) const {
    const size_t order = capacity_ <= kExact ? sizeof(*order_) : 0;
    const size_t key = words_ > 1 ? words_ * sizeof(*keys_) : 0;
    return buckets * (sizeof(Bucket) + kBucket * (key + order)) +
           groups_of(buckets) * (sizeof(*levels_) + sizeof(*arrivals_));
}

uint32_t FlowTable::last_buckets() const {
    if (capacity_ == 0) return 0;
    uint32_t buckets = first_buckets();
    while (room(buckets) < capacity_) buckets *= 2;
    return buckets;
}

size_t FlowTable::most_bytes() const { return bytes_for(last_buckets()); }

size_t FlowTable::memory_size(const TableDecl& declaration) {
    const size_t size = sizeof(FlowMemoryHeader) + FlowTable(declaration).most_bytes();
    return (size + kFlowAlignment - 1) / kFlowAlignment * kFlowAlignment;
}

FlowTable::FlowTable(const PlacedTable& placed) : FlowTable(placed.declaration) {
    std::byte* const memory = placed.memory.data();
    VFM_CHECK(placed.memory.size() >= memory_size(placed.declaration), "memory for the table");
    VFM_CHECK(reinterpret_cast<uintptr_t>(memory) % kFlowAlignment == 0, "memory of whole lines");
    header_ = reinterpret_cast<FlowMemoryHeader*>(memory);
    if (capacity_ > 0) lay_out(memory + sizeof(FlowMemoryHeader), last_buckets());
    header_->version = FlowMemoryHeader::kVersion;
    header_->capacity = capacity_;
    header_->bucket_count = bucket_count();
    header_->words = static_cast<uint8_t>(words_);
    header_->eviction = static_cast<uint8_t>(eviction_);
    const auto offset = [&](const void* array) {
        return array ? static_cast<size_t>(static_cast<const std::byte*>(array) - memory)
                     : sizeof(FlowMemoryHeader);
    };
    header_->levels_at = offset(levels_);
    header_->keys_at = words_ > 1 ? offset(keys_) : 0;
    header_->numbers = {marker_, factor_};
    store(header_->magic, FlowMemoryHeader::kMagic);
}

/// The place of the key with this hash.
FlowTable::Place FlowTable::find(uint64_t hash, KeyWords key) const {
    if (looks_empty(hash)) return {};
    const uint64_t used = hash | kFirstBit, unused = hash & ~kFirstBit;
    for (uint64_t at = home(hash);; at = next(at)) {
        const Bucket& bucket = buckets_[at];
        uint32_t hits = alike(bucket, used) | alike(bucket, unused);
        for (; hits != 0; hits &= hits - 1) {
            const Place found = {at, static_cast<uint32_t>(std::countr_zero(hits))};
            if ((word(found) | kFirstBit) == used && (words_ == 1 || has_key(found, key)))
                return found;
        }
        if (!bucket.full()) return {};
    }
}

// Whoever calls for a word keeps it in a register.
uint64_t FlowTable::use_and_get(uint64_t key) { return use_and_get(KeyWords{&key}); }
uint64_t* FlowTable::use_or_create(uint64_t key) { return use_or_create(KeyWords{&key}); }

uint64_t FlowTable::use_and_get(KeyWords key) {
    const Place at = find(hash(key), key);
    if (at.missing()) return 0;
    note_use(at);
    return value(at);
}

/// Null if the store is refused; a new entry has the value 0.
uint64_t* FlowTable::use_or_create(KeyWords key) {
    const uint64_t hash = this->hash(key);
    Place at = find(hash, key);
    if (at.missing())
        at = create(hash, key);
    else
        note_use(at);
    return at.missing() ? nullptr : &value(at);
}

bool FlowTable::remove(KeyWords key) {
    const Place at = find(hash(key), key);
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
    store(word, (word & ~(uint64_t{15} << shift)) | level << shift);
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
        word(at) |= kFirstBit;
    }
}

/// If an entry says that it was used, this becomes its level.
bool FlowTable::take_use(Place at) {
    if ((word(at) & kFirstBit) == 0) return false;
    word(at) &= ~kFirstBit;
    set_level(at, kUsed);
    return true;
}

/// Makes an entry for a key that has none.
FlowTable::Place FlowTable::create(uint64_t hash, KeyWords key) {
    if (size_ < limit_ && size_ == room(bucket_count()) &&
        !grow(size_ == 0 ? first_buckets() : bucket_count() * 2))
        limit_ = size_;
    const bool at_limit = size_ == limit_;
    if ((at_limit && (eviction_ == Eviction::none || size_ == 0)) ||
        (looks_empty(hash) && !scatter(key))) {
        ++refused_stores_;
        if (header_) header_->refused_stores = refused_stores_;
        return {};
    }
    if (looks_empty(hash)) hash = this->hash(key);
    if (at_limit) evict_for(hash);

    uint64_t distance = 0;
    const Place at = place(hash, key, distance);
    set_level(at, kTop);
    note_use(at);
    count_arrival(at.bucket / kGroup);
    ++size_;
    ++created_;
    if (distance <= kFar || created_ < calm_until_) return at;
    calm_until_ = created_ + bucket_count_ * kBucket;
    return scatter(key) ? find(this->hash(key), key) : at;
}

/// Puts a key that is not there into the first bucket with room, `distance` buckets from home.
FlowTable::Place FlowTable::place(uint64_t hash, KeyWords key, uint64_t& distance) {
    Place at = {home(hash), 0};
    for (distance = 0; buckets_[at.bucket].full(); ++distance) at.bucket = next(at.bucket);
    while (is_entry(at)) ++at.which;
    write_entry(at, hash & ~kFirstBit, key, 0);
    return at;
}

void FlowTable::store_key(Place at, KeyWords key) {
    uint64_t* const to = stored_key(at);
    for (uint32_t i = 0; i < words_; ++i) store(to[i], key.words[i]);
}

void FlowTable::erase(Place at) {
    const bool was_full = buckets_[at.bucket].full();
    vacate(at);
    --size_;
    if (was_full) fill(at.bucket);
}

/// Empties a place; the last entry of the bucket moves there.
void FlowTable::vacate(Place at) {
    Place last = {at.bucket, kBucket - 1};
    while (!is_entry(last)) --last.which;
    if (last != at) move(last, at);
    store(word(last), 0);
    set_level(last, 0);
}

/// Makes `to` what `from` is, which stays as it was.
void FlowTable::move(Place from, Place to) {
    store(word(to), 0);  // no reader finds what was there with this level
    set_level(to, level(levels_, from));
    write_entry(to, word(from), {stored_key(from)}, value(from));
    if (order_) order_[to.number()] = order_[from.number()];
}

/// Fills the last place of a bucket that was full, if an entry behind it stands there only because
/// of that; then the same for the bucket from which that entry came.
void FlowTable::fill(uint64_t hole) {
    const auto behind = [&](uint64_t bucket, uint64_t front) {
        return bucket >= front ? bucket - front : bucket + bucket_count_ / 2 - front;
    };
    for (uint64_t at = next(hole);; at = next(at)) {
        const bool was_full = buckets_[at].full();
        for (Place from = {at, 0}; is_entry(from); ++from.which) {
            if (behind(at, home(hash_at(from))) < behind(at, hole)) continue;
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
        for (at.which = 0; is_entry(at); ++at.which)
            if (order_[at.number()] < least) {
                least = order_[at.number()];
                found = at;
            }
    return found;
}

/// Uses of a group's entries become levels.
void FlowTable::take_uses(uint64_t group) {
    const uint64_t end = std::min((group + 1) * kGroup, bucket_count_);
    for (uint64_t bucket = group * kGroup; bucket < end; ++bucket) {
        uint64_t entries = 0;  // all four bits of each that was used
        for (uint32_t which = 0; which < kBucket; ++which) {
            uint64_t& word = buckets_[bucket].words[which];
            entries |= (word >> 63) * kUsed << which * 4;
            word &= ~kFirstBit;
        }
        levels_[group][bucket % kGroup / 4] |= entries << bucket % 4 * 16;
    }
}

/// Every few new entries lower the levels of a group. One stays at 1 or above.
void FlowTable::count_arrival(uint64_t group) {
    if (++arrivals_[group] < kLowerAfter) return;
    arrivals_[group] = 0;
    take_uses(group);
    for (uint64_t& entries : levels_[group]) entries -= at_least(2, entries) >> 3;
}

/// An entry of a group with the lowest level, missing if there is no entry. One that was used is
/// at the top, whatever its level said.
FlowTable::Place FlowTable::lowest(uint64_t group) {
    const Levels& levels = levels_[group];
    const size_t first = arrivals_[group];  // so that it is not always the same places that are hit
    for (uint64_t bound = 1; bound <= kTop; ++bound) {
        for (size_t i = 0; i < levels.size(); ++i) {
            const size_t word = (first + i) % levels.size();
            uint64_t found = at_least(bound, levels[word]) & ~at_least(bound + 1, levels[word]);
            for (; found != 0; found &= found - 1) {
                const auto entry = static_cast<uint32_t>(word * 16) +
                                   static_cast<uint32_t>(std::countr_zero(found)) / 4;
                const Place at = {group * kGroup + entry / kBucket, entry % kBucket};
                if (bound == kTop || !take_use(at)) return at;
            }
        }
    }
    return {};
}

uint32_t FlowTable::age(uint32_t groups_now) {
    const uint32_t before = size_;
    for (uint32_t left = std::min(groups_now, groups()); left > 0; --left) {
        const uint64_t group = next_to_age_ < groups() ? next_to_age_ : 0;
        const uint64_t end = std::min((group + 1) * kGroup, bucket_count_);
        take_uses(group);
        for (Place at = {group * kGroup, 0}; at.bucket < end; ++at.bucket)
            for (at.which = 0; is_entry(at);) {
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
    for (Place at; at.bucket < bucket_count(); ++at.bucket)
        for (at.which = 0; is_entry(at); ++at.which)
            out.push_back({table, key_at(at), buckets_[at.bucket].values[at.which]});
}

void FlowTable::clear() {
    if (header_) {
        std::memset(static_cast<void*>(buckets_), 0, bytes_for(bucket_count()));
        header_->refused_stores = 0;
    } else {
        memory_ = {};
        buckets_ = &no_bucket_;
        bucket_count_ = 1;
        keys_ = nullptr;
        order_ = nullptr;
        levels_ = nullptr;
        arrivals_ = nullptr;
    }
    size_ = 0;
    limit_ = capacity_;
    next_to_age_ = 0;
    refused_stores_ = 0;
}

/// The arrays of a table of so many buckets, one behind the other.
void FlowTable::lay_out(std::byte* memory, uint32_t count) {
    const auto take = [&]<class T>(T*& array, size_t elements) {
        array = reinterpret_cast<T*>(memory);
        memory += elements * sizeof(T);
    };
    take(buckets_, count);
    if (words_ > 1) take(keys_, size_t{count} * kBucket * words_);
    if (capacity_ <= kExact) take(order_, size_t{count} * kBucket);
    take(levels_, groups_of(count));
    take(arrivals_, groups_of(count));
    bucket_count_ = count;
    next_to_age_ = 0;
}

/// Moves all entries to new memory of so many buckets; false if the system has none, then nothing
/// has changed.
bool FlowTable::grow(uint32_t count) {
    ZeroedMemory memory = ZeroedMemory::make(bytes_for(count));
    if (!memory.data()) return false;
    const std::span<const Bucket> old_buckets(buckets_, bucket_count());
    const uint64_t* const old_keys = keys_;
    const uint64_t* const old_order = order_;
    const Levels* const old_levels = levels_;
    const ZeroedMemory old = std::exchange(memory_, std::move(memory));
    lay_out(memory_.data(), count);

    uint64_t distance = 0;
    for (Place from; from.bucket < old_buckets.size(); ++from.bucket) {
        const Bucket& bucket = old_buckets[from.bucket];
        const uint64_t first_bit = from.bucket < old_buckets.size() / 2 ? 0 : kFirstBit;
        for (from.which = 0; from.which < kBucket && bucket.words[from.which] != 0; ++from.which) {
            const uint64_t old_word = bucket.words[from.which];
            const KeyWords key = {old_keys ? old_keys + from.number() * words_ : nullptr};
            const Place to = place((old_word & ~kFirstBit) | first_bit, key, distance);
            word(to) |= old_word & kFirstBit;
            value(to) = bucket.values[from.which];
            set_level(to, level(old_levels, from));
            if (order_) order_[to.number()] = old_order[from.number()];
        }
    }
    return true;
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
