// A flow table of a program: keys of 1 to 8 words to u64 values, bounded by its declared capacity.
// What runs for every packet stands here, to be inlined; what runs when an entry comes or goes in
// flow_table.cc.
//
// Open addressing in buckets of four entries, one cache line each, less than half full, so that a
// lookup reads one line and rarely two. A bucket's entries stand at its front. A key whose home is
// full stands in the first bucket behind it that had room; so a bucket with room ends every search,
// and who removes an entry moves others up to keep it so.
//
// What is stored of a key of one word is not the key but its hash, from which the key can be had
// back: no two keys have the same. Longer keys are stored beside and compared where hashes are
// equal. Hashes that begin with 1 have their homes in the upper half of the buckets, and what
// finds no room goes round in its half; so the place tells the first bit. Where that would stand,
// an entry says that it was used: a lookup compares with the hash of a used entry, and where it
// finds that, there is nothing to do but to take the value. This is the fast path, all else the
// slow one. Two keys of one word have hashes that look like no entry; should one come, all are
// hashed anew.
//
// Neighbouring buckets form groups. Every few new entries of a group its entries get levels, 7 if
// they say that they were used, which they then no longer do, else one less than before; when an
// entry must go, it is one of the lowest. A table of few entries keeps the exact order instead.
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/module/module.h"
#include "core/run/flow_memory.h"
#include "core/run/program.h"
#include "userspace/flow/zeroed_memory.h"

namespace vfm {

/// A table that is to lie in given memory: memory_size() zeroed bytes or more, that begin at a
/// cache line and outlive the table.
struct PlacedTable {
    const TableDecl& declaration;
    std::span<std::byte> memory;
};

/// The words of a key, as many as the table's keys have, the first pushed first.
struct KeyWords {
    const uint64_t* words = nullptr;
};

/// Starts empty; memory doubles as entries come, up to what the capacity needs. In given memory it
/// has its last size from the start, and others can list its entries from there at any moment:
/// read_flow_memory() in core/run/flow_memory.h. A new key that
/// meets a full table takes the place of an entry that was neither read nor written for long
/// (eviction `lru`; the longest of all if the capacity is at most kExact) or is refused (`none`).
/// Where the system has no memory left, the table is full at the size it has. A table is asked with
/// keys of its own length; words by themselves are keys of one. Not thread safe: one a thread.
class FlowTable {
  public:
    static constexpr uint32_t kExact = 64;
    /// What keys are hashed with as long as they do not cluster. Should they, numbers that nobody
    /// can guess take the place of these, so that nobody can make a table slow. The marker is one
    /// of the two keys whose hash looks like no entry.
    static constexpr uint64_t kMarker = 0xC2B2AE3D27D4EB4F;
    static constexpr uint64_t kFactor = 0x9E3779B97F4A7C15;

    explicit FlowTable(const TableDecl& declaration)
        : words_(declaration.words()),
          capacity_(declaration.capacity),
          limit_(capacity_),
          eviction_(declaration.eviction) {}
    /// Never allocates, also later. Who made the memory has checked its size.
    explicit FlowTable(const PlacedTable& placed);
    /// Bytes of memory that such a table needs.
    static size_t memory_size(const TableDecl& declaration);
    FlowTable(const FlowTable&) = delete;
    FlowTable& operator=(const FlowTable&) = delete;

    /// The key's value, 0 if it has none. Never creates an entry.
    uint64_t get(uint64_t key) {
        const uint64_t* const value = used_at_home(key);
        return value ? *value : use_and_get(key);
    }
    uint64_t get(KeyWords key) {
        const uint64_t* const value = used_at_home(key);
        return value ? *value : use_and_get(key);
    }

    /// Makes `new_value` the key's value. A refused store is counted.
    void set(uint64_t key, uint64_t new_value) {
        uint64_t* value = used_at_home(key);
        if (!value) value = use_or_create(key);
        if (value) *value = new_value;
    }
    void set(KeyWords key, uint64_t new_value) {
        uint64_t* value = used_at_home(key);
        if (!value) value = use_or_create(key);
        if (value) *value = new_value;
    }

    /// Adds to the key's value, modulo 2^64, and gives the sum. A refused store is counted and
    /// gives `delta`.
    uint64_t add(uint64_t key, uint64_t delta) {
        uint64_t* value = used_at_home(key);
        if (!value) value = use_or_create(key);
        return value ? *value += delta : delta;
    }
    uint64_t add(KeyWords key, uint64_t delta) {
        uint64_t* value = used_at_home(key);
        if (!value) value = use_or_create(key);
        return value ? *value += delta : delta;
    }

    /// Fetches the memory that the next operation on the key needs, unless the table is so small
    /// that it is near anyway; changes nothing. Worth it for the packets of a burst before the
    /// first of them is run.
    void prefetch(uint64_t key) const {
        if (bucket_count_ < kNear) return;
        const Bucket* const bucket = &buckets_[home(hash(key))];
        __builtin_prefetch(bucket, 1);
        asm volatile("" : : "r"(bucket));  // else g++ takes this for work without an effect
    }
    void prefetch(KeyWords key) const {
        if (words_ == 1) return prefetch(key.words[0]);
        if (bucket_count_ < kNear) return;
        const uint64_t at = home(hash(key));
        const Bucket* const bucket = &buckets_[at];
        const uint64_t* const keys = keys_ + at * kBucket * words_;
        __builtin_prefetch(bucket, 1);
        __builtin_prefetch(keys);
        asm volatile("" : : "r"(bucket), "r"(keys));
    }

    /// Where code made at run time finds what used_at_home() reads. All in bytes.
    struct Layout {
        size_t marker, factor, bucket_count, buckets;  ///< in a table
        size_t words, values;                          ///< in a bucket
        size_t bucket;                                 ///< size of a bucket
    };
    static consteval Layout layout();

    /// Around all that changes a table in given memory, a burst at a time: readers in other
    /// processes know by this when they saw it at rest. Two stores, none for other tables.
    void begin_changes() {
        if (!header_) return;
        __atomic_store_n(&header_->changes, header_->changes + 1, __ATOMIC_RELAXED);
#ifdef __SANITIZE_THREAD__  // knows no fences
        std::atomic_signal_fence(std::memory_order_release);
#else
        std::atomic_thread_fence(std::memory_order_release);
#endif
    }
    void end_changes() {
        if (header_) __atomic_store_n(&header_->changes, header_->changes + 1, __ATOMIC_RELEASE);
    }

    /// The key's value, null if it has none. No use of the entry: it stays as old as it was.
    const uint64_t* peek(KeyWords key) const {
        const Place at = find(hash(key), key);
        return at.missing() ? nullptr : &buckets_[at.bucket].values[at.which];
    }

    /// Forgets a key; false if it had no entry.
    bool remove(uint64_t key) { return remove(KeyWords{&key}); }
    bool remove(KeyWords key);

    /// Forgets the entries that were neither read nor written since the last call that came by.
    /// One call looks at `groups` groups of buckets and the next one goes on behind them, round and
    /// round: the caller decides how long the next packet waits. Gives the number of entries gone.
    uint32_t age(uint32_t groups);
    /// Groups in one round of age(), each of at most 64 entries.
    uint32_t groups() const { return groups_of(bucket_count()); }

    uint32_t size() const { return size_; }
    /// Stores that were not made because the table was full and does not evict.
    uint64_t refused_stores() const { return refused_stores_; }
    /// Memory for entries now, and what it never exceeds but by the rest of a cache line or page.
    /// Only while a table grows, the memory it had before, half as much, is there too.
    size_t bytes() const { return header_ ? bytes_for(bucket_count()) : memory_.size(); }
    size_t most_bytes() const;

    /// Appends every entry as one of table number `table`, in no particular order.
    void entries(uint32_t table, std::vector<FlowEntry>& out) const;

    /// Forgets all entries and the count of refused stores, and gives memory of its own back.
    void clear();

  private:
    using Bucket = FlowBucket;
    static constexpr uint32_t kBucket = Bucket::kEntries;
    static constexpr uint32_t kGroup = 16;   // buckets
    static constexpr uint64_t kNear = 4096;  // buckets: 256 KiB, which caches of second level hold
    /// Of a hash: its home is in the upper half. Of a word: the entry was used.
    static constexpr uint64_t kFirstBit = uint64_t{1} << 63;

    static_assert(alignof(Bucket) == ZeroedMemory::kAlignment);

    /// Of a group: four bits an entry, 1 to 7 how far it is from being evicted, 0 for no entry, and
    /// 8 if age() must spare it.
    using Levels = std::array<uint64_t, kGroup * kBucket / 16>;

    struct Place {
        uint64_t bucket = 0;
        uint32_t which = kBucket;  // kBucket for no entry
        bool missing() const { return which == kBucket; }
        bool operator==(const Place&) const = default;
        uint64_t number() const { return bucket * kBucket + which; }
    };

    uint64_t hash(uint64_t key) const { return (key ^ marker_) * factor_; }
    uint64_t hash(KeyWords key) const {
        if (words_ == 1) return hash(key.words[0]);
        return flow_hash({marker_, factor_}, key.words, words_);
    }
    /// True of the hashes that no word can stand for.
    static bool looks_empty(uint64_t hash) { return (hash & ~kFirstBit) == 0; }
    /// The hash of an entry.
    uint64_t hash_at(Place at) const {
        return (word(at) & ~kFirstBit) | (at.bucket < bucket_count_ / 2 ? 0 : kFirstBit);
    }
    FlowKey key_at(Place at) const;
    /// Where an entry's key stands, if its table's keys have more than one word.
    uint64_t* stored_key(Place at) const { return keys_ ? keys_ + at.number() * words_ : nullptr; }
    bool has_key(Place at, KeyWords key) const {
        const uint64_t* const stored = stored_key(at);
        uint64_t difference = 0;
        for (uint32_t i = 0; i < words_; ++i) difference |= stored[i] ^ key.words[i];
        return difference == 0;
    }
    /// The buckets share the range of hashes in order, so growing moves entries in order too.
    uint64_t home(uint64_t hash) const {
        __extension__ using Product = unsigned __int128;
        return static_cast<uint64_t>(Product{hash} * bucket_count_ >> 64);
    }
    /// The bucket behind this one, round and round in its half.
    uint64_t next(uint64_t bucket) const {
        const uint64_t half = bucket_count_ / 2;
        if (bucket + 1 == half) return 0;
        return bucket + 1 == bucket_count_ ? half : bucket + 1;
    }
    uint64_t& word(Place at) { return buckets_[at.bucket].words[at.which]; }
    uint64_t word(Place at) const { return buckets_[at.bucket].words[at.which]; }
    uint64_t& value(Place at) { return buckets_[at.bucket].values[at.which]; }
    bool is_entry(Place at) const { return at.which < kBucket && word(at) != 0; }
    uint32_t bucket_count() const {
        return buckets_ == &no_bucket_ ? 0 : static_cast<uint32_t>(bucket_count_);
    }
    static uint32_t groups_of(uint32_t buckets) { return (buckets + kGroup - 1) / kGroup; }

    /// A bit for each word of a bucket, set if its upper half is that of the wanted one. Without
    /// jumps: nobody can predict where in its bucket a key stands. The upper half, because every
    /// bit of a key has a part in it.
    static uint32_t alike(const Bucket& bucket, uint64_t wanted) {
#ifdef __SSE2__
        const auto* const words = reinterpret_cast<const __m128i*>(bucket.words.data());
        const __m128 first = _mm_castsi128_ps(_mm_load_si128(words));
        const __m128 last = _mm_castsi128_ps(_mm_load_si128(words + 1));
        const __m128i uppers =
            _mm_castps_si128(_mm_shuffle_ps(first, last, _MM_SHUFFLE(3, 1, 3, 1)));
        const __m128i one = _mm_cvtsi64_si128(static_cast<int64_t>(wanted));
        const __m128i found = _mm_cmpeq_epi32(uppers, _mm_shuffle_epi32(one, 0b01'01'01'01));
        return static_cast<uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(found)));
#else
        uint32_t bits = 0;
        for (uint32_t i = 0; i < kBucket; ++i)
            bits |= uint32_t{bucket.words[i] >> 32 == wanted >> 32} << i;
        return bits;
#endif
    }

    /// The value of a key whose entry stands in its home and says that it was used; null for all
    /// others.
    uint64_t* used_at_home(uint64_t key) {
        const uint64_t hash = this->hash(key);
        Bucket& bucket = buckets_[home(hash)];
        const uint64_t wanted = hash | kFirstBit;
        const uint32_t hits = alike(bucket, wanted);
        if (hits == 0) [[unlikely]]
            return nullptr;
        const auto which = static_cast<uint32_t>(std::countr_zero(hits));
        if (bucket.words[which] != wanted) [[unlikely]]
            return nullptr;
        return &bucket.values[which];
    }

    uint64_t* used_at_home(KeyWords key) {
        if (words_ == 1) return used_at_home(key.words[0]);
        const uint64_t hash = this->hash(key);
        const uint64_t home = this->home(hash);
        const uint64_t wanted = hash | kFirstBit;
        const uint32_t hits = alike(buckets_[home], wanted);
        if (hits == 0) [[unlikely]]
            return nullptr;
        const Place at = {home, static_cast<uint32_t>(std::countr_zero(hits))};
        if (word(at) != wanted || !has_key(at, key)) [[unlikely]]
            return nullptr;
        return &value(at);
    }

    uint64_t use_and_get(uint64_t key);
    uint64_t use_and_get(KeyWords key);
    uint64_t* use_or_create(uint64_t key);
    uint64_t* use_or_create(KeyWords key);
    Place find(uint64_t hash, KeyWords key) const;
    bool contains(KeyWords key) const { return !find(hash(key), key).missing(); }
    void note_use(Place at);
    void spare(Place at);
    bool take_use(Place at);
    Place create(uint64_t hash, KeyWords key);
    Place place(uint64_t hash, KeyWords key, uint64_t& distance);
    void erase(Place at);
    void vacate(Place at);
    void fill(uint64_t hole);
    void move(Place from, Place to);
    void evict_for(uint64_t hash);
    Place oldest() const;
    Place lowest(uint64_t group);
    void take_uses(uint64_t group);
    void count_arrival(uint64_t group);
    static uint64_t level(const Levels* levels, Place at);
    void set_level(Place at, uint64_t level);
    bool grow(uint32_t count);
    bool scatter(KeyWords key);
    bool scatters(const FlowNumbers& numbers, KeyWords key) const;
    void rehash(const FlowNumbers& numbers);
    struct Moving;
    Moving take_out(Place at, const FlowNumbers& earlier);
    Moving put_down(const Moving& entry, const FlowNumbers& earlier);
    uint64_t waiting(uint64_t bucket) const;
    void spare_all();
    /// Behind all stores before it, for readers of given memory.
    static void store(uint64_t& to, uint64_t value) {
        __atomic_store_n(&to, value, __ATOMIC_RELEASE);
    }
    static void store_numbers(FlowNumbers& to, const FlowNumbers& numbers) {
        store(to.marker, numbers.marker);
        store(to.factor, numbers.factor);
    }
    /// In an order in which no reader of given memory finds a key with the value of another,
    /// wherever the writer stops.
    [[gnu::always_inline]] void write_entry(Place at, uint64_t new_word, KeyWords key,
                                            uint64_t new_value) {
        store(word(at), 0);
        if (keys_) [[unlikely]]
            store_key(at, key);
        store(value(at), new_value);
        store(word(at), new_word);
    }
    [[gnu::noinline]] void store_key(Place at, KeyWords key);
    void lay_out(std::byte* memory, uint32_t count);
    uint32_t first_buckets() const;
    uint32_t last_buckets() const;
    size_t bytes_for(uint32_t buckets) const;

    static inline Bucket no_bucket_{};  // what a table without memory looks at; nobody writes to it

    Bucket* buckets_ = &no_bucket_;
    uint64_t bucket_count_ = 1;  // even, where there is memory
    uint64_t marker_ = kMarker;
    uint64_t factor_ = kFactor;    // odd
    uint64_t* keys_ = nullptr;     // by entry: its words; null where keys have one
    uint64_t* order_ = nullptr;    // by entry: clock_ when it was used; null above kExact
    Levels* levels_ = nullptr;     // by group
    uint8_t* arrivals_ = nullptr;  // by group: new entries since its levels were lowered
    uint64_t clock_ = 0;
    uint32_t size_ = 0;
    uint32_t words_;  // of a key
    uint32_t capacity_;
    uint32_t limit_;  // entries it may hold: the capacity, or what the system has memory for
    Eviction eviction_;
    uint32_t next_to_age_ = 0;  // a group
    uint64_t refused_stores_ = 0;
    uint64_t created_ = 0;     // entries, ever
    uint64_t calm_until_ = 0;  // value of created_ before which keys are not scattered anew
    ZeroedMemory memory_;      // of all these arrays, if it is the table's own
    FlowMemoryHeader* header_ = nullptr;  // in front of given memory
};

consteval FlowTable::Layout FlowTable::layout() {
    return {.marker = offsetof(FlowTable, marker_),
            .factor = offsetof(FlowTable, factor_),
            .bucket_count = offsetof(FlowTable, bucket_count_),
            .buckets = offsetof(FlowTable, buckets_),
            .words = offsetof(Bucket, words),
            .values = offsetof(Bucket, values),
            .bucket = sizeof(Bucket)};
}

/// The flow tables of one program, by table number.
class FlowTables {
  public:
    explicit FlowTables(std::span<const TableDecl> declarations)
        : tables_(declarations.begin(), declarations.end()) {}
    explicit FlowTables(std::span<const PlacedTable> placed)
        : tables_(placed.begin(), placed.end()) {}

    bool empty() const { return tables_.empty(); }
    void begin_changes() {
        for (FlowTable& table : tables_) table.begin_changes();
    }
    void end_changes() {
        for (FlowTable& table : tables_) table.end_changes();
    }
    FlowTable& operator[](size_t table) { return tables_[table]; }
    FlowTable* data() { return tables_.data(); }
    /// Every entry of every table.
    std::vector<FlowEntry> entries() const;
    uint64_t refused_stores() const;

  private:
    std::vector<FlowTable> tables_;
};

}  // namespace vfm
