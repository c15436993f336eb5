#include "bpfgen/lookup/key_table.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace vfm::bpf {
namespace {

constexpr size_t kMostFew = 3;           // keys; a bit test takes about as many instructions
constexpr uint64_t kAlwaysBits = 65536;  // a span of so many numbers are bits, 8 KB at most
constexpr uint64_t kBitsAKey = 128;      // of a larger span
constexpr size_t kMostKeys = size_t{1} << 20;
constexpr unsigned kFactors = 16;      // that are tried
constexpr unsigned kTriesAKey = 4096;  // displacements of a bucket

// Makes hash tables: keys fall into buckets, and from the largest bucket on each gets the first
// displacement that takes all its keys to slots which are free.
class Hasher {
  public:
    Hasher(std::span<const uint64_t> keys, KeyTable& table) : keys_(keys), table_(table) {
        table_.folded = keys.back() >> 32 != 0;
        table_.slot_size = table_.folded ? 8 : 4;
        // At most half of the slots are taken; four keys a bucket or fewer.
        table_.slot_bits = static_cast<unsigned>(std::bit_width(2 * keys.size() - 1));
        table_.bucket_bits = std::max(table_.slot_bits, 4u) - 3;
        table_.displacement_size = table_.slot_bits <= 16 ? 2 : 4;
        hashes_.resize(keys.size());
        order_.resize(keys.size());
    }

    bool place() {
        uint64_t factor = 0x9e3779b97f4a7c15;
        for (unsigned tried = 0; tried < kFactors;
             ++tried, factor = factor * 0xd1342543de82ef95 + 2)
            if (place_with(factor)) return true;
        return false;
    }

    std::span<const uint64_t> slots() const { return slots_; }
    std::span<const uint32_t> displacements() const { return displacements_; }

  private:
    uint64_t bucket(size_t key) const { return hashes_[key] >> (64 - table_.bucket_bits); }
    uint64_t slot(size_t key, uint64_t displacement) const {
        const unsigned shift = 64 - table_.bucket_bits - table_.slot_bits;
        return ((hashes_[key] >> shift) ^ displacement) & ((uint64_t{1} << table_.slot_bits) - 1);
    }

    bool place_with(uint64_t factor) {
        table_.factor = factor;
        for (size_t i = 0; i < keys_.size(); ++i)
            hashes_[i] = (table_.folded ? keys_[i] ^ keys_[i] >> 32 : keys_[i]) * factor;
        const size_t buckets = size_t{1} << table_.bucket_bits;
        std::vector<uint32_t> begin(buckets + 1);
        for (size_t i = 0; i < keys_.size(); ++i) ++begin[bucket(i) + 1];
        std::vector<uint32_t> largest(buckets);
        std::iota(largest.begin(), largest.end(), 0u);
        std::ranges::stable_sort(largest, std::greater<>{},
                                 [&](uint32_t at) { return begin[at + 1]; });
        std::partial_sum(begin.begin(), begin.end(), begin.begin());
        std::vector<uint32_t> next(begin.begin(), begin.end() - 1);
        for (size_t i = 0; i < keys_.size(); ++i)
            order_[next[bucket(i)]++] = static_cast<uint32_t>(i);

        // A slot without a key holds one that is never looked for there.
        slots_.assign(size_t{1} << table_.slot_bits, keys_[0]);
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
        const uint64_t mask = slots_.size() - 1;
        uint64_t displacement = at & mask;
        for (unsigned tried = 0; tried < kTriesAKey; ++tried) {
            size_t placed = 0;
            while (placed < inside.size() && !taken_[slot(inside[placed], displacement)])
                taken_[slot(inside[placed++], displacement)] = true;
            if (placed == inside.size()) {
                for (const uint32_t key : inside) slots_[slot(key, displacement)] = keys_[key];
                displacements_[at] = static_cast<uint32_t>(displacement);
                return true;
            }
            while (placed-- > 0) taken_[slot(inside[placed], displacement)] = false;
            displacement = (displacement * 5 + 1) & mask;  // goes through all of them
        }
        return false;
    }

    std::span<const uint64_t> keys_;
    KeyTable& table_;
    std::vector<uint64_t> hashes_;
    std::vector<uint32_t> order_;  // keys by bucket
    std::vector<uint64_t> slots_;
    std::vector<bool> taken_;
    std::vector<uint32_t> displacements_;
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

// 1 if x is 0.
VReg is_zero(Builder& b, VReg x, unsigned bits) {
    if (bits < 64) return b.alu_imm(BPF_RSH, b.alu_imm(BPF_SUB, x, 1), 63);
    const VReg positive = b.alu_imm(BPF_XOR, b.alu(BPF_OR, x, b.neg(x)), ~uint64_t{0});
    return b.alu_imm(BPF_RSH, positive, 63);
}

VReg with_constant(Builder& b, unsigned code, VReg x, uint64_t number) {
    return fits_imm(number) ? b.alu_imm(code, x, number) : b.alu(code, x, b.number(number));
}

VReg cut(Builder& b, VReg x, unsigned bits) {
    return with_constant(b, BPF_AND, x, (uint64_t{1} << bits) - 1);
}

VReg element(Builder& b, uint32_t table, VReg index, unsigned size) {
    const auto shift = static_cast<uint64_t>(std::countr_zero(size));
    return b.load(size, b.alu(BPF_ADD, b.data_address(table), b.alu_imm(BPF_LSH, index, shift)), 0);
}

VReg among_few(Builder& b, const KeyTable& table, Word key) {
    VReg any = kNoReg;
    for (const uint64_t number : table.keys) {
        if (key.bits < 64 && number >> key.bits != 0) continue;
        const VReg same = is_zero(b, with_constant(b, BPF_XOR, key.reg, number), key.bits);
        any = any == kNoReg ? same : b.alu(BPF_OR, any, same);
    }
    return any == kNoReg ? b.number(0) : any;
}

VReg among_bits(Builder& b, const KeyTable& table, Word key) {
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

VReg among_hashed(Builder& b, const KeyTable& table, Word key) {
    VReg mixed = key.reg;
    if (table.folded) mixed = b.alu(BPF_XOR, mixed, b.alu_imm(BPF_RSH, mixed, 32));
    const VReg hash = b.alu(BPF_MUL, mixed, b.number(table.factor));
    const VReg bucket = b.alu_imm(BPF_RSH, hash, 64 - table.bucket_bits);
    const VReg displacement = element(b, table.displacements, bucket, table.displacement_size);
    const unsigned shift = 64 - table.bucket_bits - table.slot_bits;
    const VReg place = b.alu(BPF_XOR, b.alu_imm(BPF_RSH, hash, shift), displacement);
    const VReg found = element(b, table.slots, cut(b, place, table.slot_bits), table.slot_size);
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
    Hasher hasher(keys, table);
    if (!hasher.place()) return std::nullopt;
    table.displacements = table.displacement_size == 2
                              ? add_as<uint16_t>(data, hasher.displacements())
                              : add_as<uint32_t>(data, hasher.displacements());
    table.slots = table.slot_size == 4 ? add_as<uint32_t>(data, hasher.slots())
                                       : add_as<uint64_t>(data, hasher.slots());
    return table;
}

VReg is_key(Builder& b, const KeyTable& table, Word key) {
    switch (table.kind) {
        case KeyTable::Kind::few:
            return among_few(b, table, key);
        case KeyTable::Kind::bits:
            return among_bits(b, table, key);
        case KeyTable::Kind::hash:
            break;
    }
    return among_hashed(b, table, key);
}

}  // namespace vfm::bpf
