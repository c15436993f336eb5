// Rule tables of many rows: a row is a bit. Each key that rows test has a column: the ends of its
// tests cut the key's numbers into intervals; all numbers of an interval pass the same rows, a
// class. A row matches if its bit is set in the class of every column.
//
// Of a class only those words are stored that have a bit set, and a bit for each of them in its
// summary, so that words of which nothing is left are not looked at. Rows that do not test the key
// stand apart, once a column. Rows that test the same keys stand together, so that their words have
// no bits in a class that none of them passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <variant>
#include <vector>

#include "core/tables/rule_rows.h"
#include "core/tables/sorted_keys.h"

namespace vfm {

/// Some rows of a rule table, one behind the other. Immutable.
class BitRows {
  public:
    /// Rows `first` up to `end`, each of which tests something; nothing if they would need more
    /// than `most` bytes.
    static std::optional<BitRows> make(const RuleRows& rows, size_t first, size_t end, size_t most);

    /// The rule of the first row that matches, 0 for none. `usable` is usable_keys().
    uint64_t match(const uint64_t* operands, uint64_t usable) const noexcept;

    size_t memory() const;
    size_t classes() const;
    size_t columns() const { return columns_.size(); }
    double steps() const;

  private:
    struct Summary {
        uint64_t bits = 0;  // the words that are stored
        size_t first = 0;   // where the first of them is
    };
    using Places =
        std::variant<SortedKeys<uint32_t>, SortedKeys<uint64_t>, SortedKeys<WideKey>>;  // by width

    /// Class 0 has no rows: that of a key on which no test holds.
    struct Column {
        uint32_t number = 0;
        RuleKey key;
        Places places;
        std::vector<uint32_t> class_of;  // by place
        std::vector<Summary> summaries;  // summary_words_ a class
        std::vector<uint64_t> words;
        std::vector<uint64_t> any;  // rows that do not test this key
        std::vector<uint64_t> any_summary;
        size_t memory() const;
    };
    struct Event;
    class ClassMaker;

    BitRows() = default;
    std::vector<size_t> arrange(const RuleRows& rows, size_t first, size_t end);
    bool add_column(const RuleRows& rows, std::span<const size_t> row_at, uint32_t number,
                    size_t most);
    static Places places_of(const std::vector<WideKey>& ends, unsigned width);
    static size_t place(const Column& column, const uint64_t* operands);

    size_t words_ = 0;                   // 64 rows each
    size_t summary_words_ = 0;           // 64 words each
    std::vector<uint32_t> rules_;        // by bit; 0 for a bit without a row
    std::vector<uint32_t> first_rules_;  // by word: the least of its rules
    std::vector<Column> columns_;
};

}  // namespace vfm
