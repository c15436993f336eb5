// Rule tables as constant data: by each key, found in a table by its number or among sorted ends, a
// record that says which rows its tests leave. What all keys leave, a bit a row, is looked through
// for the first.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bpfgen/builder.h"
#include "bpfgen/constant_data.h"
#include "bpfgen/lookup/end_table.h"
#include "bpfgen/lookup/range_index.h"
#include "bpfgen/lookup/word.h"
#include "core/tables/rule_rows.h"

namespace vfm::bpf {

class RowCalls;

/// A key of a rule table. The first record is that of a key that passes no test.
struct RuleColumn {
    enum class Kind : uint8_t {
        numbers,  ///< below 2^key_bits, each has its place
        ranges,   ///< of numbers below 2^32, or of upper words
        ends      ///< of keys of two words
    };
    Kind kind = Kind::numbers;
    unsigned key = 0;      ///< its number
    unsigned operand = 0;  ///< its first word among MATCH's operands
    /// Where records stand, in units of 8 bytes from `records`: by number, beside the end, or by
    /// the number of ends.
    uint32_t places = 0;
    unsigned place_size = 4;  ///< bytes
    unsigned place_bits = 0;  ///< places are below 2 to this
    unsigned key_bits = 16;
    RangeIndex ranges;
    SortedTable ends;
    uint32_t records = 0;
    uint32_t chunks = 0;      ///< those that are not in records
    unsigned chunk_bits = 0;  ///< their numbers are below 2 to this
};

/// Rows 64 to a word, the first in the lowest bit; those behind one that always holds are left out.
struct RowTable {
    enum class Form : uint8_t {
        words,   ///< a record is the words
        summed,  ///< a bit for each word that is not 0, in a word before them
        chunked  ///< a bit for each chunk that is not empty, then by chunk the number of it among
                 ///< the column's, 32 bits: equal chunks stand there once
    };
    Form form = Form::words;
    size_t words = 0;
    size_t chunk = 1;  ///< words of a chunk, a power of two; there are at most 64 chunks
    std::vector<RuleColumn> columns;
    std::optional<uint32_t> rules;  ///< by row: 32 bits each; nothing where row i is rule i + 1
    unsigned row_bits = 0;          ///< rows are below 2 to this
    uint32_t lowest = 0;            ///< by hash of a bit: its number
    uint32_t only_rule = 0;         ///< without columns: the rule of every packet
    /// Times that its code goes round a loop at most.
    unsigned rounds() const { return form == Form::words ? 0 : static_cast<unsigned>(chunks()); }
    size_t chunks() const { return (words + chunk - 1) / chunk; }
};

/// What a bit is multiplied with; the upper 6 bits of the product are its hash.
inline constexpr uint64_t kBitFactor = 0x03f79d71b4cb0a89;

/// Nothing if the table would make the data larger than `most` bytes.
std::optional<RowTable> make_row_table(const RuleRows& rows, uint64_t most, ConstantData& data);

/// A question for the first row that holds.
struct RowQuestion {
    uint64_t table;                  ///< its number
    std::span<const Word> operands;  ///< those of MATCH
    uint64_t present;                ///< bit j: key j is there whatever the mask is
    bool rare;                       ///< most packets ask elsewhere
};

/// The rule of that row, 0 for none.
VReg match_rules(Builder& b, const RowTable& rows, const RowQuestion& question, RowCalls& calls);

}  // namespace vfm::bpf
