#include "bpfgen/lookup/row_table.h"

#include <algorithm>
#include <bit>
#include <map>

namespace vfm::bpf {
namespace {

// With more words a summary is looked at first, and with more than that chunks, which keep tables
// small, are worth the way to them.
constexpr size_t kMostPlainWords = 4, kMostSummedWords = 16;
constexpr size_t kLeastChunk = 4;

// Makes the columns of a rule table.
class ColumnMaker {
  public:
    using Words = std::vector<uint64_t>;

    ColumnMaker(const RuleRows& rows, RowTable& table, ConstantData& data)
        : rows_(rows), table_(table), data_(data) {}

    // False if the column would take more than `most` bytes.
    bool add(unsigned number, uint64_t most) {
        find_tests(number);
        RuleColumn column;
        column.key = number;
        column.operand = rows_.keys()[number].operand;
        known_records_.clear(), records_.clear(), known_chunks_.clear(), chunks_.clear();
        place_of(any_);
        const bool one_word = rows_.keys()[number].width != 128;
        if (one_word && last_ <= UINT16_MAX) {
            if (!add_numbers(column, most)) return false;
        } else if (!add_ranges(column, one_word, most)) {
            return false;
        }
        column.records = data_.add(std::span<const uint64_t>(records_));
        column.place_bits = static_cast<unsigned>(std::bit_width(records_.size()));
        data_.reserve(column.records + (uint64_t{8} << column.place_bits) + read_of_record());
        if (table_.form == RowTable::Form::chunked) {
            column.chunks = data_.add(std::span<const uint64_t>(chunks_));
            column.chunk_bits = static_cast<unsigned>(std::bit_width(known_chunks_.size()));
            data_.reserve(column.chunks + (8 * table_.chunk << column.chunk_bits));
        }
        table_.columns.push_back(column);
        return true;
    }

  private:
    struct Test {
        size_t row;
        WideRange range;
    };

    size_t record_words() const {
        switch (table_.form) {
            case RowTable::Form::words:
                return table_.words;
            case RowTable::Form::summed:
                return 1 + table_.words;
            case RowTable::Form::chunked:
                break;
        }
        return 1 + (table_.chunks() + 1) / 2;
    }

    // Bytes that the kernel's verifier may take for read: of 64 bits of a summary it knows no more.
    uint64_t read_of_record() const {
        if (table_.form == RowTable::Form::words) return 8 * record_words();
        return 8 + 64 * (table_.form == RowTable::Form::summed ? 8 : 4);
    }

    void find_tests(unsigned number) {
        tests_.clear();
        first_ = ~WideKey{0}, last_ = 0, whole_ = true;
        any_.assign(table_.chunks() * table_.chunk, 0);
        for (size_t row = 0; row < rows_.size(); ++row) {
            bool tested = false;
            for (const KeyTest& test : rows_.tests(row)) {
                if (test.key != number) continue;
                tests_.push_back({row, test.range});
                first_ = std::min(first_, test.range.first);
                last_ = std::max(last_, test.range.last);
                whole_ &= static_cast<uint64_t>(test.range.first) == 0 &&
                          static_cast<uint64_t>(test.range.last) == UINT64_MAX;
                tested = true;
            }
            if (!tested) flip(any_, row);
        }
    }

    static void flip(Words& rows, size_t row) { rows[row / 64] ^= uint64_t{1} << (row % 64); }

    std::vector<WideKey> find_ends(WideKey greatest) const {
        std::vector<WideKey> ends;
        for (const auto& [row, range] : tests_) add_ends(range, greatest, ends);
        std::ranges::sort(ends);
        const auto repeated = std::ranges::unique(ends);
        ends.erase(repeated.begin(), repeated.end());
        return ends;
    }

    // From the least key up, where the record of each number of ends stands; nothing if that is
    // more than `most` bytes.
    std::optional<std::vector<uint64_t>> find_places(const std::vector<WideKey>& ends,
                                                     uint64_t most) {
        struct Change {
            size_t count;
            size_t row;
        };
        std::vector<Change> changes;  // where a row comes or goes
        const auto count_up_to = [&](WideKey key) {
            return static_cast<size_t>(std::ranges::upper_bound(ends, key) - ends.begin());
        };
        for (const auto& [row, range] : tests_) {
            changes.push_back({count_up_to(range.first), row});
            changes.push_back({count_up_to(range.last) + 1, row});
        }
        std::ranges::sort(changes, {}, &Change::count);
        Words rows = any_;
        size_t next = 0;
        std::vector<uint64_t> places;
        places.reserve(ends.size() + 1);
        for (size_t count = 0; count <= ends.size(); ++count) {
            for (; next < changes.size() && changes[next].count == count; ++next)
                flip(rows, changes[next].row);
            places.push_back(place_of(rows));
            if (8 * (records_.size() + chunks_.size()) > most) return std::nullopt;
        }
        return places;
    }

    uint32_t place_of(const Words& rows) {
        Words record;
        if (table_.form == RowTable::Form::chunked) {
            record = chunked(rows);
        } else {
            if (table_.form == RowTable::Form::summed) record.push_back(summary(rows));
            record.insert(record.end(), rows.begin(), rows.end());
        }
        const auto [found, is_new] =
            known_records_.try_emplace(std::move(record), static_cast<uint32_t>(records_.size()));
        if (is_new) records_.insert(records_.end(), found->first.begin(), found->first.end());
        return found->second;
    }

    static uint64_t summary(const Words& rows) {
        uint64_t sum = 0;
        for (size_t i = 0; i < rows.size(); ++i) sum |= uint64_t{rows[i] != 0} << i;
        return sum;
    }

    Words chunked(const Words& rows) {
        Words record(record_words());
        for (size_t i = 0; i < table_.chunks(); ++i) {
            const auto first = rows.begin() + static_cast<std::ptrdiff_t>(i * table_.chunk);
            const Words chunk(first, first + static_cast<std::ptrdiff_t>(table_.chunk));
            const bool empty = std::ranges::all_of(chunk, [](uint64_t word) { return word == 0; });
            record[0] |= uint64_t{!empty} << i;
            record[1 + i / 2] |= uint64_t{chunk_number(chunk)} << (i % 2 * 32);
        }
        return record;
    }

    uint32_t chunk_number(const Words& chunk) {
        const auto [found, is_new] =
            known_chunks_.try_emplace(chunk, static_cast<uint32_t>(known_chunks_.size()));
        if (is_new) chunks_.insert(chunks_.end(), chunk.begin(), chunk.end());
        return found->second;
    }

    bool add_numbers(RuleColumn& column, uint64_t most) {
        column.kind = RuleColumn::Kind::numbers;
        column.key_bits = last_ <= UINT8_MAX ? 8 : 16;
        const std::vector<WideKey> ends = find_ends(UINT64_MAX);
        const auto places = find_places(ends, most);
        if (!places) return false;
        std::vector<uint32_t> by_number;
        size_t count = 0;
        for (uint32_t number = 0; number < uint32_t{1} << column.key_bits; ++number) {
            while (count < ends.size() && ends[count] <= number) ++count;
            by_number.push_back(static_cast<uint32_t>((*places)[count]));
        }
        if (records_.size() <= UINT16_MAX) {
            column.place_size = 2;
            const std::vector<uint16_t> narrow(by_number.begin(), by_number.end());
            column.places = data_.add(std::span<const uint16_t>(narrow));
        } else {
            column.places = data_.add(std::span<const uint32_t>(by_number));
        }
        return true;
    }

    bool add_ranges(RuleColumn& column, bool one_word, uint64_t most) {
        column.kind = RuleColumn::Kind::ranges;
        if (one_word && last_ <= UINT32_MAX) {
            const std::vector<WideKey> ends = find_ends(UINT32_MAX);
            const std::vector<uint32_t> narrow(ends.begin(), ends.end());
            column.ranges = make_range_index(narrow, false, data_);
            return add_beside(column, ends, most);
        }
        const std::vector<WideKey> ends = find_ends(greatest_of(one_word ? 64 : 128));
        const bool inside = first_ > 0 && last_ < greatest_of(one_word ? 64 : 128);
        if (inside && (one_word || whole_)) {
            std::vector<uint64_t> upper;
            for (const WideKey end : ends)
                upper.push_back(static_cast<uint64_t>(one_word ? end : end >> 64));
            if (const auto index = make_far_range_index(upper, data_)) {
                column.ranges = *index;
                return add_beside(column, ends, most);
            }
        }
        column.kind = RuleColumn::Kind::ends;
        column.ends = add_sorted(data_, ends, one_word ? 1 : 2);
        auto places = find_places(ends, most);
        if (!places) return false;
        places->resize(column.ends.places(), places->back());
        const std::vector<uint32_t> narrow(places->begin(), places->end());
        column.places = data_.add(std::span<const uint32_t>(narrow));
        return true;
    }

    bool add_beside(RuleColumn& column, const std::vector<WideKey>& ends, uint64_t most) {
        const auto places = find_places(ends, most);
        if (places) column.places = add_values(column.ranges, *places, data_);
        return places.has_value();
    }

    const RuleRows& rows_;
    RowTable& table_;
    ConstantData& data_;
    // of one column
    std::vector<Test> tests_;
    WideKey first_ = 0, last_ = 0;  // keys of tests
    bool whole_ = true;             // tests look at upper words alone
    Words any_;                     // rows that do not test the key
    std::map<Words, uint32_t> known_records_, known_chunks_;
    Words records_, chunks_;
};

void choose_form(RowTable& table) {
    if (table.words <= kMostPlainWords) return;
    table.form = RowTable::Form::summed;
    if (table.words <= kMostSummedWords) return;
    table.form = RowTable::Form::chunked;
    table.chunk = kLeastChunk;
    while (table.chunks() > 64) table.chunk *= 2;
}

void add_rules(const RuleRows& rows, RowTable& table, ConstantData& data) {
    std::vector<uint32_t> numbers;
    bool in_order = true;
    for (size_t row = 0; row < rows.size(); ++row) {
        numbers.push_back(rows.rule(row));
        in_order &= rows.rule(row) == row + 1;
    }
    if (in_order) return;
    table.rules = data.add(std::span<const uint32_t>(numbers));
    table.row_bits = static_cast<unsigned>(std::bit_width(64 * table.words));
    data.reserve(*table.rules + (uint64_t{4} << table.row_bits));
}

uint32_t add_lowest_bits(ConstantData& data) {
    std::vector<uint8_t> lowest(64);
    for (unsigned bit = 0; bit < 64; ++bit)
        lowest[(uint64_t{1} << bit) * kBitFactor >> 58] = static_cast<uint8_t>(bit);
    return data.add(std::span<const uint8_t>(lowest));
}

}  // namespace

std::optional<RowTable> make_row_table(const RuleRows& rows, uint64_t most, ConstantData& data) {
    RowTable table;
    table.words = (rows.size() + 63) / 64;
    choose_form(table);
    ColumnMaker maker(rows, table, data);
    std::vector<bool> tested(rows.keys().size());
    for (size_t row = 0; row < rows.size(); ++row)
        for (const KeyTest& test : rows.tests(row)) tested[test.key] = true;
    for (unsigned key = 0; key < tested.size(); ++key) {
        if (!tested[key]) continue;
        const uint64_t left = most - std::min<uint64_t>(most, data.size());
        if (!maker.add(key, left)) return std::nullopt;
    }
    if (table.columns.empty()) {
        table.only_rule = rows.size() > 0 ? rows.rule(0) : 0;
        return table;
    }
    add_rules(rows, table, data);
    table.lowest = add_lowest_bits(data);
    return table;
}

}  // namespace vfm::bpf
