#include "bpfgen/lookup/key_table.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "bpfgen/lookup/code.h"

namespace vfm::bpf {
namespace {

constexpr size_t kMostFew = 3;           // keys; a bit test takes about as many instructions
constexpr uint64_t kAlwaysBits = 65536;  // a span of so many numbers are bits, 8 KB at most
constexpr uint64_t kBitsAKey = 128;      // of a larger span
constexpr size_t kMostKeys = size_t{1} << 20;
constexpr unsigned kFactors = 64;      // that are tried
constexpr unsigned kTriesAKey = 4096;  // displacements of a bucket

uint64_t product(uint64_t word, bool folded, uint64_t factor) {
    return (folded ? word ^ word >> 32 : word) * factor;
}

// Makes hash tables: keys fall into buckets, and from the largest bucket on each gets the first
// displacement that takes all its keys to slots which are free. Displacements are few enough that
// they stand there in 16 bits, as distances in bytes.
class Hasher {
  public:
    Hasher(size_t count, KeyTable& table) : table_(table), hashes_(count), order_(count) {
        // At most half of the slots are taken. Of more buckets than so many the displacements would
        // not stay in the machine's nearest cache.
        constexpr unsigned kMostNearBits = 14;
        table_.slot_bits = static_cast<unsigned>(std::bit_width(2 * count - 1));
        table_.bucket_bits = std::max(table_.slot_bits, 4u) - 3;
        if (table_.bucket_bits > kMostNearBits) --table_.bucket_bits;
        most_displaced_ = (uint64_t{1} << 16) / table_.slot_size;
    }

    // `hash` gives the hash of a key by its number, as the table has factors. Keys are folded only
    // where they have to be: they differ in few of their upper bits alone.
    template <class Hash>
    bool place(Hash&& hash) {
        if (place_by_factors(hash)) return true;
        table_.folded = true;
        return place_by_factors(hash);
    }

    // Numbers of keys.
    std::span<const uint32_t> slots() const { return slots_; }
    // In bytes.
    std::span<const uint16_t> displacements() const { return displacements_; }

  private:
    template <class Hash>
    bool place_by_factors(Hash&& hash) {
        uint64_t factor = 0x9e3779b97f4a7c15;
        for (unsigned tried = 0; tried < kFactors;
             ++tried, factor = factor * 0xd1342543de82ef95 + 2) {
            table_.factor = factor;
            for (size_t i = 0; i < hashes_.size(); ++i) hashes_[i] = hash(i);
            if (place_all()) return true;
        }
        return false;
    }

    uint64_t bucket(size_t key) const { return hashes_[key] >> (64 - table_.bucket_bits); }
    uint64_t slot(size_t key, uint64_t displacement) const {
        const unsigned shift = 64 - table_.bucket_bits - table_.slot_bits;
        return ((hashes_[key] >> shift) ^ displacement) & ((uint64_t{1} << table_.slot_bits) - 1);
    }

    bool place_all() {
        const size_t buckets = size_t{1} << table_.bucket_bits;
        std::vector<uint32_t> begin(buckets + 1);
        for (size_t i = 0; i < hashes_.size(); ++i) ++begin[bucket(i) + 1];
        std::vector<uint32_t> largest(buckets);
        std::iota(largest.begin(), largest.end(), 0u);
        std::ranges::stable_sort(largest, std::greater<>{},
                                 [&](uint32_t at) { return begin[at + 1]; });
        std::partial_sum(begin.begin(), begin.end(), begin.begin());
        std::vector<uint32_t> next(begin.begin(), begin.end() - 1);
        for (size_t i = 0; i < hashes_.size(); ++i)
            order_[next[bucket(i)]++] = static_cast<uint32_t>(i);

        // A slot without a key holds one that is never looked for there.
        slots_.assign(size_t{1} << table_.slot_bits, 0);
        taken_.assign(slots_.size(), false);
        displacements_.assign(buckets, 0);
        for (const uint32_t at : largest) {
            const std::span<const uint32_t> inside(order_.data() + begin[at],
                                                   begin[at + 1] - begin[at]);
            if (!inside.empty() && !place_bucket(at, inside)) return false;
        }
        return true;
    }

    bool place_bucket(uint32_t at, std::span<const uint32_t> inside) {
        const uint64_t mask = std::min<uint64_t>(slots_.size(), most_displaced_) - 1;
        uint64_t displacement = at & mask;
        for (unsigned tried = 0; tried < kTriesAKey; ++tried) {
            size_t placed = 0;
            while (placed < inside.size() && !taken_[slot(inside[placed], displacement)])
                taken_[slot(inside[placed++], displacement)] = true;
            if (placed == inside.size()) {
                for (const uint32_t key : inside) slots_[slot(key, displacement)] = key;
                displacements_[at] = static_cast<uint16_t>(displacement * table_.slot_size);
                return true;
            }
            while (placed-- > 0) taken_[slot(inside[placed], displacement)] = false;
            displacement = (displacement * 5 + 1) & mask;  // goes through all of them
        }
        return false;
    }

    KeyTable& table_;
    std::vector<uint64_t> hashes_;
    std::vector<uint32_t> order_;  // keys by bucket
    std::vector<uint32_t> slots_;
    std::vector<bool> taken_;
    std::vector<uint16_t> displacements_;
    uint64_t most_displaced_ = 0;  // by less than so many slots
};

// Not in two lines of a cache.
struct alignas(16) WideSlot {
    uint64_t upper = 0, lower = 0;
};

template <class To, class From>
uint32_t add_as(ConstantData& data, std::span<const From> numbers) {
    std::vector<To> narrow;
    narrow.reserve(numbers.size());
    for (const From number : numbers) narrow.push_back(static_cast<To>(number));
    return data.add(std::span<const To>(narrow));
}

KeyTable make_bits(std::span<const uint64_t> keys, ConstantData& data) {
    KeyTable table{.kind = KeyTable::Kind::bits, .keys = {}, .least = keys.front()};
    const uint64_t last = (keys.back() - keys.front()) / 64;
    table.word_bits = static_cast<unsigned>(std::bit_width(last));
    std::vector<uint64_t> words(size_t{1} << table.word_bits);
    for (const uint64_t key : keys)
        words[(key - table.least) / 64] |= uint64_t{1} << ((key - table.least) % 64);
    if (table.word_bits == 0) {
        table.only_word = words[0];
    } else {
        table.words = data.add(std::span<const uint64_t>(words));
    }
    return table;
}

// ---- code ------------------------------------------------------------------------------------

VReg among_few(Builder& b, const KeyTable& table, const Word& key) {
    VReg any = kNoReg;
    for (const uint64_t number : table.keys) {
        if (key.bits < 64 && number >> key.bits != 0) continue;
        const VReg same = is_zero(b, with_constant(b, BPF_XOR, key.reg, number), key.bits);
        any = any == kNoReg ? same : b.alu(BPF_OR, any, same);
    }
    return any == kNoReg ? b.number(0) : any;
}

VReg among_bits(Builder& b, const KeyTable& table, const Word& key) {
    const VReg place = with_constant(b, BPF_SUB, key.reg, table.least);
    const VReg within = is_zero(b, b.alu_imm(BPF_RSH, place, 6 + table.word_bits), 58);
    VReg word = kNoReg;
    if (table.word_bits == 0) {
        word = b.number(table.only_word);
    } else {
        const VReg index = cut(b, b.alu_imm(BPF_RSH, place, 6), table.word_bits);
        word = element(b, table.words, index, 8);
    }
    const VReg bit = b.alu(BPF_RSH, word, b.alu_imm(BPF_AND, place, 63));
    return b.alu(BPF_AND, bit, within);
}

VReg hash_of(Builder& b, const KeyTable& table, std::span<const Word> key) {
    const auto product = [&](VReg word, uint64_t factor) {
        if (table.folded) word = b.alu(BPF_XOR, word, b.alu_imm(BPF_RSH, word, 32));
        return b.alu(BPF_MUL, word, b.number(factor));
    };
    if (table.upper_factor == 0) return product(key[0].reg, table.factor);
    const VReg upper = product(key[0].reg, table.upper_factor);
    return b.alu(BPF_ADD, upper, product(key[1].reg, table.factor));
}

// Where the only slot that can hold a key stands.
VReg slot_of(Builder& b, const KeyTable& table, std::span<const Word> key) {
    const VReg hash = hash_of(b, table, key);
    const VReg bucket = b.alu_imm(BPF_RSH, hash, 64 - table.bucket_bits);
    const VReg displacement = element(b, table.displacements, bucket, 2);
    const auto size_bits = static_cast<unsigned>(std::countr_zero(table.slot_size));
    const unsigned shift = 64 - table.bucket_bits - table.slot_bits - size_bits;
    const VReg place = b.alu(BPF_XOR, b.alu_imm(BPF_RSH, hash, shift), displacement);
    const uint64_t places = (uint64_t{1} << table.slot_bits) - 1;
    const VReg offset = with_constant(b, BPF_AND, place, places << size_bits);
    return b.alu(BPF_ADD, b.data_address(table.slots), offset);
}

// 0 if a key of two words is in its slot.
VReg wide_difference(Builder& b, const KeyTable& table, std::span<const Word> key) {
    const VReg at = slot_of(b, table, key);
    const VReg upper = b.alu(BPF_XOR, b.load(8, at, 0), key[0].reg);
    return b.alu(BPF_OR, upper, b.alu(BPF_XOR, b.load(8, at, 8), key[1].reg));
}

VReg among_hashed(Builder& b, const KeyTable& table, const Word& key) {
    const VReg found = b.load(table.slot_size, slot_of(b, table, {&key, 1}), 0);
    const bool small = table.slot_size == 4 && key.bits < 64;
    return is_zero(b, b.alu(BPF_XOR, found, key.reg), small ? 63 : 64);
}

}  // namespace

std::optional<KeyTable> make_key_table(std::span<const uint64_t> keys, ConstantData& data) {
    if (keys.size() <= kMostFew) return KeyTable{.keys = {keys.begin(), keys.end()}};
    const uint64_t span = keys.back() - keys.front();
    if (span < kAlwaysBits || span / kBitsAKey < keys.size()) return make_bits(keys, data);
    if (keys.size() > kMostKeys) return std::nullopt;
    KeyTable table{.kind = KeyTable::Kind::hash, .keys = {}};
    table.slot_size = keys.back() >> 32 != 0 ? 8 : 4;
    Hasher hasher(keys.size(), table);
    if (!hasher.place([&](size_t i) { return product(keys[i], table.folded, table.factor); }))
        return std::nullopt;
    table.displacements = data.add(hasher.displacements());
    std::vector<uint64_t> slots;
    slots.reserve(hasher.slots().size());
    for (const uint32_t key : hasher.slots()) slots.push_back(keys[key]);
    table.slots = table.slot_size == 4 ? add_as<uint32_t>(data, std::span<const uint64_t>(slots))
                                       : data.add(std::span<const uint64_t>(slots));
    return table;
}

std::optional<KeyTable> make_wide_key_table(std::span<const WideKey> keys, ConstantData& data) {
    if (keys.size() > kMostKeys) return std::nullopt;
    KeyTable table{.kind = KeyTable::Kind::hash, .keys = {}, .slot_size = 16};
    Hasher hasher(keys.size(), table);
    const auto hash = [&](size_t i) {
        // Another one with each factor: what falls together once is torn apart then.
        table.upper_factor = table.factor ^ 0x5851f42d4c957f2c;
        return product(static_cast<uint64_t>(keys[i] >> 64), table.folded, table.upper_factor) +
               product(static_cast<uint64_t>(keys[i]), table.folded, table.factor);
    };
    if (!hasher.place(hash)) return std::nullopt;
    table.displacements = data.add(hasher.displacements());
    std::vector<WideSlot> slots;
    slots.reserve(hasher.slots().size());
    for (const uint32_t key : hasher.slots())
        slots.push_back({static_cast<uint64_t>(keys[key] >> 64), static_cast<uint64_t>(keys[key])});
    table.slots = data.add(std::span<const WideSlot>(slots));
    return table;
}

VReg is_key(Builder& b, const KeyTable& table, std::span<const Word> key) {
    if (table.upper_factor != 0) return is_zero(b, wide_difference(b, table, key), 64);
    switch (table.kind) {
        case KeyTable::Kind::few:
            return among_few(b, table, key[0]);
        case KeyTable::Kind::bits:
            return among_bits(b, table, key[0]);
        case KeyTable::Kind::hash:
            break;
    }
    return among_hashed(b, table, key[0]);
}

Condition one_of_keys(Builder& b, const KeyTable& table, std::span<const Word> key) {
    if (table.upper_factor != 0)
        return {.code = BPF_JEQ, .a = wide_difference(b, table, key), .imm = 0};
    if (table.kind == KeyTable::Kind::hash)
        return {.code = BPF_JEQ,
                .a = b.load(table.slot_size, slot_of(b, table, key), 0),
                .b = key[0].reg};
    return {.code = BPF_JNE, .a = is_key(b, table, key), .imm = 0};
}

}  // namespace vfm::bpf
