// Sets of single keys in constant data: a few to compare with, a bit for each number of a span, or
// a hash table in which each key has a place of its own, so that one probe answers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bpfgen/builder.h"
#include "bpfgen/constant_data.h"
#include "bpfgen/lookup/word.h"
#include "core/tables/wide.h"

namespace vfm::bpf {

struct KeyTable {
    enum class Kind : uint8_t { few, bits, hash };
    Kind kind = Kind::few;

    std::vector<uint64_t> keys;  ///< few

    // bits
    uint64_t least = 0;      ///< key of the lowest bit
    unsigned word_bits = 0;  ///< there are 2 to this words of 64 bits
    uint64_t only_word = 0;  ///< where there is one, it is no data
    uint32_t words = 0;      ///< where they stand

    // hash: the upper bits of key * factor are the number of a bucket, and before that of a slot,
    // which the bucket's displacement changes
    uint64_t factor = 0;
    /// Keys of two words: what the upper one is multiplied with before the products are added, else
    /// 0. A slot holds the upper word, then the lower one.
    uint64_t upper_factor = 0;
    bool folded = false;  ///< the upper half of each word goes into its lower one first
    unsigned bucket_bits = 0, slot_bits = 0;
    unsigned slot_size = 4;                 ///< bytes
    uint32_t displacements = 0, slots = 0;  ///< where they stand; displacements are 16 bits each
};

/// Of different keys, ascending, at least one. Nothing if they do not suit any kind.
std::optional<KeyTable> make_key_table(std::span<const uint64_t> keys, ConstantData& data);

/// The same of keys of two words, always a hash table.
std::optional<KeyTable> make_wide_key_table(std::span<const WideKey> keys, ConstantData& data);

/// 1 if the key, of one word or of two, the upper first, is one of the table's, else 0; without a
/// branch.
VReg is_key(Builder& b, const KeyTable& table, std::span<const Word> key);
/// The same for a branch.
Condition one_of_keys(Builder& b, const KeyTable& table, std::span<const Word> key);

}  // namespace vfm::bpf
