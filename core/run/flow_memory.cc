#include "core/run/flow_memory.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace vfm {
namespace {

// A multiple of the four buckets whose levels share a word. One piece is copied in about a
// microsecond, less than what writers leave between bursts.
constexpr uint32_t kPiece = 64;
constexpr int kTries = 32;  // to find a piece between two bursts
constexpr int kLooks = 4;   // at an entry that changes
constexpr int kPasses = 3;  // over all entries, where keys were hashed anew meanwhile
constexpr uint64_t kFirstBit = uint64_t{1} << 63;

/// Another process may write there. Whatever is read later was loaded later.
template <class T>
T load(const T& place) {
    return __atomic_load_n(&place, __ATOMIC_ACQUIRE);
}

FlowNumbers load_numbers(const FlowNumbers& from) { return {load(from.marker), load(from.factor)}; }

/// About a microsecond. The CPU is not given away: on a busy machine it would come back late, once
/// a piece.
void wait_a_moment() {
    for (int i = 0; i < 40; ++i) {
#ifdef __x86_64__
        __builtin_ia32_pause();
#else
        asm volatile("" : : : "memory");
#endif
    }
}

std::unexpected<Failure> no_table(std::string why) {
    return fail(Diagnostic::about("flow table", "its memory cannot be read: " + std::move(why)),
                Status::refused);
}

/// What all entries of a piece have in common.
struct Hashing {
    FlowNumbers numbers, earlier;
    uint64_t rehashes = 0;
    bool operator==(const Hashing&) const = default;
};

/// An entry as it lies in the memory.
struct RawEntry {
    uint64_t hash = 0;
    uint64_t value = 0;
    bool waits = false;
};

/// Keys from hashes.
class Unhash {
  public:
    explicit Unhash(const FlowNumbers& numbers)
        : marker_(numbers.marker), inverse_(flow_inverse(numbers.factor)) {}
    uint64_t key(uint64_t hash) const { return hash * inverse_ ^ marker_; }

  private:
    uint64_t marker_, inverse_;
};

class Reader {
  public:
    Reader(std::span<const std::byte> memory, const FlowMemoryFacts& facts)
        : header_(*reinterpret_cast<const FlowMemoryHeader*>(memory.data())),
          buckets_(reinterpret_cast<const FlowBucket*>(&header_ + 1)),
          levels_(reinterpret_cast<const uint64_t*>(memory.data() + facts.levels_at)),
          keys_(reinterpret_cast<const uint64_t*>(memory.data() + facts.keys_at)),
          words_(facts.words),
          count_(facts.bucket_count) {}

    std::vector<FlowEntry> all(uint32_t table) {
        std::vector<FlowEntry> out;
        for (int pass = 0; pass < kPasses; ++pass) {
            const uint64_t before = load(header_.rehashes);
            out.clear();
            read_all(table, out);
            if (load(header_.rehashes) == before) break;
        }
        keep_last_of_each_key(out);
        return out;
    }

  private:
    /// From the last bucket to the first: an entry that fills the hole of another moves that way.
    /// Only from the front of a half may it move to that half's end, so the fronts come first too.
    void read_all(uint32_t table, std::vector<FlowEntry>& out) {
        if (count_ == 0) return;
        read_piece(0, table, out);
        read_piece(count_ / 2 / kPiece, table, out);
        for (uint32_t piece = (count_ - 1) / kPiece + 1; piece-- > 0;)
            read_piece(piece, table, out);
    }

    void read_piece(uint32_t piece, uint32_t table, std::vector<FlowEntry>& out) {
        const std::optional<Hashing> hashing = copy(piece * kPiece);
        if (!hashing || hashing->numbers.factor % 2 == 0) return;
        const bool rehashing = hashing->rehashes % 2 == 1;
        if (rehashing && hashing->earlier.factor % 2 == 0) return;
        const FlowNumbers& earlier = rehashing ? hashing->earlier : hashing->numbers;
        const Unhash now(hashing->numbers), then(earlier);
        const uint64_t* words = copied_keys_.data();
        for (const RawEntry& entry : copied_) {
            if (words_ == 1) {
                out.push_back({table, (entry.waits ? then : now).key(entry.hash), entry.value});
                continue;
            }
            // Another hash has a key that was read while another one took its place.
            const FlowNumbers& numbers = entry.waits ? earlier : hashing->numbers;
            if (flow_hash(numbers, words, words_) == entry.hash)
                out.push_back({table, FlowKey(std::span(words, words_)), entry.value});
            words += words_;
        }
    }

    /// Takes the entries of a piece that begins with this bucket to copied_. None if keys were
    /// hashed anew whenever it was tried.
    std::optional<Hashing> copy(uint32_t first) {
        uint64_t changes = 0;
        bool same = true;  // it was odd, and always the same
        for (int i = 0; i < kTries; ++i) {
            const uint64_t before = load(header_.changes);
            same = before % 2 == 1 && (i == 0 || (same && before == changes));
            changes = before;
            if (before % 2 == 0) {
                const std::optional<Hashing> hashing = copy_as_it_is(first);
                if (hashing && load(header_.changes) == before) return hashing;
            } else if (before == stopped_at_) {
                break;
            } else {
                wait_a_moment();
            }
        }
        if (same) stopped_at_ = changes;
        for (int i = 0; i < kTries; ++i)
            if (const std::optional<Hashing> hashing = copy_as_it_is(first)) return hashing;
        copied_.clear();
        copied_keys_.clear();
        return {};
    }

    Hashing hashing() const {
        return {.numbers = load_numbers(header_.numbers),
                .earlier = load_numbers(header_.earlier),
                .rehashes = load(header_.rehashes)};
    }

    std::optional<Hashing> copy_as_it_is(uint32_t first) {
        const Hashing before = hashing();
        copied_.clear();
        copied_keys_.clear();
        for (uint32_t bucket = std::min(first + kPiece, count_); bucket-- > first;)
            for (uint32_t which = FlowBucket::kEntries; which-- > 0;) copy_entry(bucket, which);
        if (hashing() != before) return {};
        return before;
    }

    /// An entry that changes at every look is left out: its key is another one each time.
    void copy_entry(uint32_t bucket, uint32_t which) {
        const uint64_t& word = buckets_[bucket].words[which];
        for (int look = 0; look < kLooks; ++look) {
            const uint64_t before = load(word) & ~kFirstBit;
            if (before == 0) return;
            const bool waits = entry_waits(bucket, which);
            if (words_ > 1) load_key(bucket, which);
            const uint64_t value = load(buckets_[bucket].values[which]);
            if (entry_waits(bucket, which) != waits || (load(word) & ~kFirstBit) != before)
                continue;
            copied_.push_back({before | (bucket < count_ / 2 ? 0 : kFirstBit), value, waits});
            if (words_ > 1)
                copied_keys_.insert(copied_keys_.end(), key_.begin(), key_.begin() + words_);
            return;
        }
    }

    void load_key(uint32_t bucket, uint32_t which) {
        const uint64_t* const from =
            keys_ + (size_t{bucket} * FlowBucket::kEntries + which) * words_;
        for (unsigned i = 0; i < words_; ++i) key_[i] = load(from[i]);
    }

    bool entry_waits(uint32_t bucket, uint32_t which) const {
        const uint32_t shift = (bucket % 4 * FlowBucket::kEntries + which) * 4;
        return (load(levels_[bucket / 4]) >> shift & FlowMemoryHeader::kWaits) != 0;
    }

    static void keep_last_of_each_key(std::vector<FlowEntry>& entries) {
        std::ranges::reverse(entries);
        std::ranges::stable_sort(entries, {}, &FlowEntry::key);
        const auto [first, last] = std::ranges::unique(entries, {}, &FlowEntry::key);
        entries.erase(first, last);
    }

    const FlowMemoryHeader& header_;
    const FlowBucket* buckets_;
    const uint64_t* levels_;
    const uint64_t* keys_;  // where they have more than one word
    unsigned words_;
    uint32_t count_;
    uint64_t stopped_at_ = 0;  // value of `changes` that stayed too long, 0 for none
    std::vector<RawEntry> copied_;
    std::vector<uint64_t> copied_keys_;            // words_ an entry, where that is more than one
    std::array<uint64_t, kMaxKeyWords> key_ = {};  // loaded last
};

}  // namespace

Result<FlowMemoryFacts> read_flow_facts(std::span<const std::byte> memory) {
    if (memory.size() < sizeof(FlowMemoryHeader)) return no_table("it is too short");
    if (reinterpret_cast<uintptr_t>(memory.data()) % kFlowAlignment != 0)
        return no_table("it does not begin at a cache line");
    const auto& header = *reinterpret_cast<const FlowMemoryHeader*>(memory.data());
    if (load(header.magic) != FlowMemoryHeader::kMagic) return no_table("it holds no flow table");
    if (const uint32_t version = load(header.version); version != FlowMemoryHeader::kVersion)
        return no_table("it is of version " + std::to_string(version));
    const uint8_t eviction = load(header.eviction);
    const FlowMemoryFacts facts = {.words = load(header.words),
                                   .eviction = static_cast<Eviction>(eviction),
                                   .capacity = load(header.capacity),
                                   .bucket_count = load(header.bucket_count),
                                   .levels_at = load(header.levels_at),
                                   .keys_at = load(header.keys_at),
                                   .refused_stores = load(header.refused_stores)};
    if (facts.words < 1 || facts.words > kMaxKeyWords ||
        eviction > static_cast<uint8_t>(Eviction::none) || facts.capacity > kMaxCapacity ||
        facts.bucket_count % 2 != 0)
        return no_table("its header makes no sense");
    const uint64_t buckets_end =
        sizeof(FlowMemoryHeader) + uint64_t{facts.bucket_count} * sizeof(FlowBucket);
    const uint64_t levels_size = (uint64_t{facts.bucket_count} + 3) / 4 * sizeof(uint64_t);
    const uint64_t keys_size =
        facts.words == 1 ? 0
                         : uint64_t{facts.bucket_count} * FlowBucket::kEntries * facts.words * 8;
    const auto outside = [&](uint64_t at, uint64_t size) {
        return at < buckets_end || at > memory.size() || at % sizeof(uint64_t) != 0 ||
               size > memory.size() - at;
    };
    if (buckets_end > memory.size() || outside(facts.levels_at, levels_size) ||
        (keys_size > 0 && outside(facts.keys_at, keys_size)))
        return no_table("it is shorter than its header says");
    return facts;
}

Result<std::vector<FlowEntry>> read_flow_memory(std::span<const std::byte> memory, uint32_t table) {
    const FlowMemoryFacts facts = TRY(read_flow_facts(memory));
    return Reader(memory, facts).all(table);
}

}  // namespace vfm
