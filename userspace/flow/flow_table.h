// A flow table of a program: u64 keys to u64 values, bounded by its declared capacity. What runs
// for every packet stands here, to be inlined; what runs when an entry comes or goes in
// flow_table.cc.
//
// Open addressing in buckets of four entries, one cache line each, less than half full, so that a
// lookup reads one line and rarely two. A bucket's entries stand at its front. A key whose home is
// full stands in the first bucket behind it that had room; so a bucket with room ends every search,
// and who removes an entry moves others up to keep it so. What is stored is not the key but its
// hash, from which the key can be had back: no two keys have the same, and one key, the marker,
// would have 0, which means empty; should it come, the table takes another marker.
//
// Every use of an entry sets one bit beside the buckets, in a byte a bucket: few enough to stay in
// the cache while the buckets do not. Where the bit is set already, in a key's home, there is
// nothing to do but to take the value: that is the fast path, and all else is the slow one.
// Neighbouring buckets form groups. Every few new entries of a group its bits become levels, 7 for
// used since the last time, and those not used sink by one; when an entry must go, it is one of the
// lowest. A table of few entries keeps the exact order instead.
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/module/module.h"
#include "core/run/engine.h"
#include "userspace/flow/zeroed_memory.h"

namespace vfm {

/// Starts empty; memory doubles as entries come, up to what the capacity needs. A new key that
/// meets a full table takes the place of an entry that was neither read nor written for long
/// (eviction `lru`; the longest of all if the capacity is at most kExact) or is refused (`none`).
/// Where the system has no memory left, the table is full at the size it has. Not thread safe: one
/// a thread.
class FlowTable {
  public:
    static constexpr uint32_t kExact = 64;
    /// What keys are hashed with as long as they do not cluster. Should they, numbers that nobody
    /// can guess take the place of these, so that nobody can make a table slow.
    static constexpr uint64_t kMarker = 0xC2B2AE3D27D4EB4F;
    static constexpr uint64_t kFactor = 0x9E3779B97F4A7C15;

    explicit FlowTable(const TableDecl& declaration)
        : capacity_(declaration.capacity), limit_(capacity_), eviction_(declaration.eviction) {}
    FlowTable(const FlowTable&) = delete;
    FlowTable& operator=(const FlowTable&) = delete;

    /// The key's value, 0 if it has none. Never creates an entry.
    uint64_t get(uint64_t key) {
        const uint64_t* const value = use_at_home(key);
        return value ? *value : use_and_get(key);
    }

    /// Makes `new_value` the key's value. A refused store is counted.
    void set(uint64_t key, uint64_t new_value) {
        uint64_t* value = use_at_home(key);
        if (!value) value = use_or_create(key);
        if (value) *value = new_value;
    }

    /// Adds to the key's value, modulo 2^64, and gives the sum. A refused store is counted and
    /// gives `delta`.
    uint64_t add(uint64_t key, uint64_t delta) {
        uint64_t* value = use_at_home(key);
        if (!value) value = use_or_create(key);
        return value ? *value += delta : delta;
    }

    /// Fetches the memory that the next operation on the key needs, unless the table is so small
    /// that it is near anyway; changes nothing. Worth it for the packets of a burst before the
    /// first of them is run.
    void prefetch(uint64_t key) const {
        if (bucket_count_ < kNear) return;
        const uint64_t at = home(hash(key));
        __builtin_prefetch(&buckets_[at], 1);
        __builtin_prefetch(&used_[at]);
        asm volatile("" : : "r"(at));  // else g++ takes all of it for work without an effect
    }

    /// Where the fields of a table stand that code made at run time reads to do what
    /// use_at_home() does. All in bytes.
    struct Layout {
        size_t marker, factor, bucket_count, buckets, used;  ///< in a table
        size_t low, high, values;                            ///< in a bucket
        size_t bucket;                                       ///< size of a bucket
    };
    static consteval Layout layout();

    /// Forgets a key; false if it had no entry.
    bool remove(uint64_t key);

    /// Forgets the entries that were neither read nor written since the last call that came by.
    /// One call looks at `groups` groups of buckets and the next one goes on behind them, round and
    /// round: the caller decides how long the next packet waits. Gives the number of entries gone.
    uint32_t age(uint32_t groups);
    /// Groups in one round of age(), each of at most 64 entries.
    uint32_t groups() const { return groups_of(bucket_count()); }

    uint32_t size() const { return size_; }
    /// Stores that were not made because the table was full and does not evict.
    uint64_t refused_stores() const { return refused_stores_; }
    /// Memory for entries now, and what it never exceeds. Only while a table grows, the memory it
    /// had before, half as much, is there too.
    size_t bytes() const { return memory_.size(); }
    size_t most_bytes() const;

    /// Appends every entry as one of table number `table`, in no particular order.
    void entries(uint32_t table, std::vector<FlowEntry>& out) const;

    /// Forgets all entries and the count of refused stores, and gives the memory back.
    void clear();

  private:
    static constexpr uint32_t kBucket = 4;   // entries
    static constexpr uint32_t kGroup = 16;   // buckets
    static constexpr uint64_t kNear = 4096;  // buckets: 256 KiB, which caches of second level hold

    struct alignas(ZeroedMemory::kAlignment) Bucket {
        std::array<uint32_t, kBucket> low;   // of the hash
        std::array<uint32_t, kBucket> high;  // both 0: no entry
        std::array<uint64_t, kBucket> values;

        uint64_t hash(uint32_t which) const { return uint64_t{high[which]} << 32 | low[which]; }
        bool full() const { return hash(kBucket - 1) != 0; }
    };
    static_assert(sizeof(Bucket) == ZeroedMemory::kAlignment);

    /// Of a group: four bits an entry, 1 to 7 how far it is from being evicted, 0 for no entry, and
    /// 8 if age() must spare it.
    using Levels = std::array<uint64_t, kGroup * kBucket / 16>;

    struct Place {
        uint64_t bucket = 0;
        uint32_t which = kBucket;  // kBucket for no entry
        bool missing() const { return which == kBucket; }
        bool operator==(const Place&) const = default;
        uint64_t number() const { return bucket * kBucket + which; }
        /// Its bit in the bucket's byte of used_.
        uint8_t bit() const { return static_cast<uint8_t>(1u << which); }
    };

    uint64_t hash(uint64_t key) const {
        const uint64_t product = (key ^ marker_) * factor_;
        return product ^ product >> 32;
    }
    uint64_t key(uint64_t hash) const;
    /// The buckets share the range of hashes in order, so growing moves entries in order too.
    uint64_t home(uint64_t hash) const { return (hash >> 32) * bucket_count_ >> 32; }
    uint64_t next(uint64_t bucket) const { return bucket + 1 == bucket_count_ ? 0 : bucket + 1; }
    uint64_t& value(Place at) { return buckets_[at.bucket].values[at.which]; }
    uint32_t bucket_count() const {
        return memory_.data() ? static_cast<uint32_t>(bucket_count_) : 0;
    }
    static uint32_t groups_of(uint32_t buckets) { return (buckets + kGroup - 1) / kGroup; }

    /// A bit for each number of four, set if it is the wanted one. Without jumps: nobody can
    /// predict where in its bucket a key stands.
    static uint32_t equal(const std::array<uint32_t, kBucket>& numbers, uint32_t wanted) {
#ifdef __SSE2__
        const __m128i all = _mm_load_si128(reinterpret_cast<const __m128i*>(numbers.data()));
        const __m128i found = _mm_cmpeq_epi32(all, _mm_set1_epi32(static_cast<int>(wanted)));
        return static_cast<uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(found)));
#else
        uint32_t bits = 0;
        for (uint32_t i = 0; i < kBucket; ++i) bits |= uint32_t{numbers[i] == wanted} << i;
        return bits;
#endif
    }

    /// The value of a key that stands in its home and is known to be used. Null for all others:
    /// keys used for the first time in a while, those that stand elsewhere or nowhere, and the
    /// marker, whose hash is that of no entry.
    uint64_t* use_at_home(uint64_t key) {
        // As hash() and home() say, with the halves of the hash apart.
        const uint64_t product = (key ^ marker_) * factor_;
        const uint64_t high = product >> 32;
        const uint64_t at = high * bucket_count_ >> 32;
        Bucket& bucket = buckets_[at];
        // Mostly one bit. Should the first be that of another key, the upper half tells.
        const uint32_t used = equal(bucket.low, static_cast<uint32_t>(product ^ high)) & used_[at];
        if (used == 0) [[unlikely]]
            return nullptr;
        const auto which = static_cast<uint32_t>(std::countr_zero(used));
        if (bucket.high[which] != static_cast<uint32_t>(high)) [[unlikely]]
            return nullptr;
        return &bucket.values[which];
    }

    /// Says that an entry is used.
    void touch(Place at) {
        if ((used_[at.bucket] >> at.which & 1) == 0) note_use(at);
    }

    uint64_t use_and_get(uint64_t key);
    uint64_t* use_or_create(uint64_t key);
    Place find(uint64_t hash) const;
    void note_use(Place at);
    void spare(Place at);
    Place create(uint64_t key);
    Place place(uint64_t hash, uint64_t& distance);
    void erase(Place at);
    void vacate(Place at);
    void fill(uint64_t hole);
    void move(Place from, Place to);
    void evict_for(uint64_t hash);
    Place oldest() const;
    Place lowest(uint64_t group);
    void raise_used(uint64_t group);
    void count_arrival(uint64_t group);
    static uint64_t level(const Levels* levels, Place at);
    void set_level(Place at, uint64_t level);
    bool rebuild(uint32_t count, uint64_t factor, uint64_t marker);
    bool scatter();
    uint32_t first_buckets() const;
    size_t bytes_for(uint32_t buckets) const;

    // What a table without memory looks at; nobody writes to them.
    static inline Bucket no_bucket_{};
    static inline uint8_t no_use_ = 0;

    Bucket* buckets_ = &no_bucket_;
    uint64_t bucket_count_ = 1;
    uint64_t marker_ = kMarker;
    uint64_t factor_ = kFactor;  // odd
    uint8_t* used_ = &no_use_;   // by bucket, a bit an entry; none are set where there is an order
    uint64_t* order_ = nullptr;  // by entry: clock_ when it was used; null above kExact
    Levels* levels_ = nullptr;   // by group
    uint8_t* arrivals_ = nullptr;  // by group: new entries since its levels were lowered
    uint64_t clock_ = 0;
    uint32_t size_ = 0;
    uint32_t capacity_;
    uint32_t limit_;  // entries it may hold: the capacity, or what the system has memory for
    Eviction eviction_;
    uint32_t next_to_age_ = 0;  // a group
    uint64_t refused_stores_ = 0;
    uint64_t created_ = 0;     // entries, ever
    uint64_t calm_until_ = 0;  // value of created_ before which keys are not scattered anew
    ZeroedMemory memory_;      // of all these arrays
};

consteval FlowTable::Layout FlowTable::layout() {
    return {.marker = offsetof(FlowTable, marker_),
            .factor = offsetof(FlowTable, factor_),
            .bucket_count = offsetof(FlowTable, bucket_count_),
            .buckets = offsetof(FlowTable, buckets_),
            .used = offsetof(FlowTable, used_),
            .low = offsetof(Bucket, low),
            .high = offsetof(Bucket, high),
            .values = offsetof(Bucket, values),
            .bucket = sizeof(Bucket)};
}

/// The flow tables of one program, by table number.
class FlowTables {
  public:
    explicit FlowTables(std::span<const TableDecl> declarations)
        : tables_(declarations.begin(), declarations.end()) {}

    FlowTable& operator[](size_t table) { return tables_[table]; }
    FlowTable* data() { return tables_.data(); }
    /// Every entry of every table.
    std::vector<FlowEntry> entries() const;
    uint64_t refused_stores() const;

  private:
    std::vector<FlowTable> tables_;
};

}  // namespace vfm
