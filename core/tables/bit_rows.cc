#include "core/tables/bit_rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "core/module/declarations.h"

namespace vfm {
namespace {

constexpr size_t kWord = 64;
// Fewer rows that test the same keys are not worth words of their own.
constexpr size_t kGroupRows = 64;

size_t words_for(size_t bits) { return (bits + kWord - 1) / kWord; }

/// Bits set. By hand: the function that a compiler calls for a CPU of any age takes twice as long.
unsigned count_bits(uint64_t word) {
    word -= word >> 1 & 0x5555555555555555;
    word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
    return static_cast<unsigned>(((word + (word >> 4)) & 0x0F0F0F0F0F0F0F0F) * 0x0101010101010101 >>
                                 56);
}

uint64_t tested_keys(std::span<const KeyTest> tests) {
    uint64_t keys = 0;
    for (const KeyTest& test : tests) keys |= uint64_t{1} << test.key;
    return keys;
}

uint64_t hash_of(std::span<const uint64_t> words) {
    uint64_t hash = 0x9E3779B97F4A7C15;
    for (const uint64_t word : words) {
        hash = (hash ^ word) * 0xFF51AFD7ED558CCD;
        hash ^= hash >> 32;
    }
    return hash;
}

}  // namespace

/// Where a row begins or ceases to be passed.
struct BitRows::Event {
    WideKey at = 0;
    size_t bit = 0;
};

/// Keeps the rows that the interval at hand passes, and makes classes of them.
class BitRows::ClassMaker {
  public:
    ClassMaker(Column& column, size_t words, size_t summary_words)
        : column_(column), words_(words), summary_(summary_words) {
        class_now();
    }

    void toggle(size_t bit) {
        uint64_t& word = words_[bit / kWord];
        word ^= uint64_t{1} << bit % kWord;
        const uint64_t mask = uint64_t{1} << bit / kWord % kWord;
        uint64_t& summary = summary_[bit / kWord / kWord];
        summary = word != 0 ? summary | mask : summary & ~mask;
    }

    /// The class of the rows as they are: an earlier one if one is equal.
    uint32_t class_now() {
        stored_.assign(summary_.begin(), summary_.end());
        for (size_t i = 0; i < summary_.size(); ++i)
            for (uint64_t left = summary_[i]; left != 0; left &= left - 1)
                stored_.push_back(words_[i * kWord + static_cast<size_t>(std::countr_zero(left))]);
        const uint64_t hash = hash_of(stored_);
        for (auto [at, end] = known_.equal_range(hash); at != end; ++at)
            if (same(at->second)) return at->second;
        const auto number = static_cast<uint32_t>(column_.summaries.size() / summary_.size());
        known_.emplace(hash, number);
        size_t first = column_.words.size();
        for (const uint64_t bits : summary_) {
            column_.summaries.push_back({bits, first});
            first += static_cast<size_t>(std::popcount(bits));
        }
        column_.words.insert(column_.words.end(),
                             stored_.begin() + static_cast<ptrdiff_t>(summary_.size()),
                             stored_.end());
        return number;
    }

  private:
    bool same(uint32_t number) const {
        const Summary* const summaries = &column_.summaries[number * summary_.size()];
        for (size_t i = 0; i < summary_.size(); ++i)
            if (summaries[i].bits != summary_[i]) return false;
        return std::equal(stored_.begin() + static_cast<ptrdiff_t>(summary_.size()), stored_.end(),
                          column_.words.begin() + static_cast<ptrdiff_t>(summaries->first));
    }

    Column& column_;
    std::vector<uint64_t> words_;
    std::vector<uint64_t> summary_;
    std::vector<uint64_t> stored_;  // summary and words with bits
    std::unordered_multimap<uint64_t, uint32_t> known_;
};

std::optional<BitRows> BitRows::make(const RuleRows& rows, size_t first, size_t end, size_t most) {
    BitRows made;
    const std::vector<size_t> row_at = made.arrange(rows, first, end);
    uint64_t tested = 0;
    for (size_t row = first; row < end; ++row) tested |= tested_keys(rows.tests(row));
    for (; tested != 0; tested &= tested - 1)
        if (!made.add_column(rows, row_at, static_cast<uint32_t>(std::countr_zero(tested)), most))
            return std::nullopt;
    // The column that leaves the fewest rows first.
    std::ranges::stable_sort(made.columns_, {}, [](const Column& column) {
        size_t rows_left = 0;
        for (const uint64_t word : column.any)
            rows_left += static_cast<size_t>(std::popcount(word));
        return rows_left;
    });
    return made;
}

/// Gives each row a bit, and says which row has which, SIZE_MAX for none.
std::vector<size_t> BitRows::arrange(const RuleRows& rows, size_t first, size_t end) {
    std::map<uint64_t, std::vector<size_t>> groups;  // by the keys that they test
    for (size_t row = first; row < end; ++row) groups[tested_keys(rows.tests(row))].push_back(row);
    std::vector<size_t> row_at, rest;
    for (const auto& [keys, group] : groups) {
        if (group.size() < kGroupRows) {
            rest.insert(rest.end(), group.begin(), group.end());
            continue;
        }
        row_at.insert(row_at.end(), group.begin(), group.end());
        row_at.resize(words_for(row_at.size()) * kWord, SIZE_MAX);
    }
    std::ranges::sort(rest);
    row_at.insert(row_at.end(), rest.begin(), rest.end());

    words_ = words_for(row_at.size());
    summary_words_ = words_for(words_);
    row_at.resize(words_ * kWord, SIZE_MAX);
    rules_.resize(row_at.size());
    first_rules_.resize(words_);
    for (size_t bit = 0; bit < row_at.size(); ++bit) {
        if (row_at[bit] == SIZE_MAX) continue;
        rules_[bit] = rows.rule(row_at[bit]);
        if (bit % kWord == 0) first_rules_[bit / kWord] = rules_[bit];
    }
    return row_at;
}

/// False if the memory would be more than `most` then.
bool BitRows::add_column(const RuleRows& rows, std::span<const size_t> row_at, uint32_t number,
                         size_t most) {
    Column column;
    column.number = number;
    column.key = rows.keys()[number];
    column.any.resize(words_);
    column.any_summary.resize(summary_words_);
    std::vector<Event> events;
    const WideKey greatest = greatest_of(column.key.width);
    for (size_t bit = 0; bit < row_at.size(); ++bit) {
        if (row_at[bit] == SIZE_MAX) continue;
        const auto tests = rows.tests(row_at[bit]);
        const auto test = std::ranges::find(tests, number, &KeyTest::key);
        if (test == tests.end()) {
            column.any[bit / kWord] |= uint64_t{1} << bit % kWord;
            column.any_summary[bit / kWord / kWord] |= uint64_t{1} << bit / kWord % kWord;
            continue;
        }
        events.push_back({test->range.first, bit});
        if (test->range.last != greatest) events.push_back({test->range.last + 1, bit});
    }
    std::ranges::sort(events, {}, &Event::at);

    ClassMaker classes(column, words_, summary_words_);
    std::vector<WideKey> ends;
    column.class_of.push_back(0);
    for (size_t i = 0; i < events.size();) {
        ends.push_back(events[i].at);
        for (; i < events.size() && events[i].at == ends.back(); ++i) classes.toggle(events[i].bit);
        column.class_of.push_back(classes.class_now());
        if (column.memory() > most) return false;
    }
    column.places = places_of(ends, column.key.width);
    columns_.push_back(std::move(column));
    return memory() <= most;
}

BitRows::Places BitRows::places_of(const std::vector<WideKey>& ends, unsigned width) {
    if (width == 128) return SortedKeys<WideKey>(ends);
    const auto narrow = [&]<class Key>(Key /*type*/) {
        std::vector<Key> keys;
        keys.reserve(ends.size());
        for (const WideKey end : ends) keys.push_back(static_cast<Key>(end));
        return SortedKeys<Key>(std::move(keys));
    };
    if (width == 64) return narrow(uint64_t{});
    return narrow(uint32_t{});
}

size_t BitRows::place(const Column& column, const uint64_t* operands) {
    const uint64_t* const words = operands + column.key.operand;
    if (column.key.width == 32)
        return std::get_if<0>(&column.places)->count_up_to(static_cast<uint32_t>(words[0]));
    if (column.key.width == 64) return std::get_if<1>(&column.places)->count_up_to(words[0]);
    return std::get_if<2>(&column.places)->count_up_to(wide_key(words[0], words[1]));
}

uint64_t BitRows::match(const uint64_t* operands, uint64_t usable) const noexcept {
    std::array<const Summary*, kMaxRuleKeys> found;
    const size_t count = columns_.size();
    for (size_t i = 0; i < count; ++i) {
        const Column& column = columns_[i];
        uint32_t number = 0;
        if ((usable >> column.number & 1) != 0) number = column.class_of[place(column, operands)];
        found[i] = &column.summaries[number * summary_words_];
    }
    uint32_t best = std::numeric_limits<uint32_t>::max();
    for (size_t group = 0; group < summary_words_; ++group) {
        uint64_t left = ~uint64_t{0};
        for (size_t i = 0; i < count; ++i)
            left &= columns_[i].any_summary[group] | found[i][group].bits;
        for (; left != 0; left &= left - 1) {
            const auto which = static_cast<size_t>(std::countr_zero(left));
            const size_t word = group * kWord + which;
            if (first_rules_[word] >= best) continue;
            const uint64_t below = (uint64_t{1} << which) - 1;
            uint64_t rows = ~uint64_t{0};
            for (size_t i = 0; i < count && rows != 0; ++i) {
                const Summary& summary = found[i][group];
                uint64_t passed = columns_[i].any[word];
                if ((summary.bits >> which & 1) != 0)
                    passed |= columns_[i].words[summary.first + count_bits(summary.bits & below)];
                rows &= passed;
            }
            if (rows != 0)
                best = std::min(best,
                                rules_[word * kWord + static_cast<size_t>(std::countr_zero(rows))]);
        }
    }
    return best == std::numeric_limits<uint32_t>::max() ? 0 : best;
}

size_t BitRows::Column::memory() const {
    return std::visit([](const auto& keys) { return keys.memory(); }, places) +
           class_of.size() * sizeof(uint32_t) + summaries.size() * sizeof(Summary) +
           (words.size() + any.size() + any_summary.size()) * sizeof(uint64_t);
}

size_t BitRows::memory() const {
    size_t sum = (rules_.size() + first_rules_.size()) * sizeof(uint32_t);
    for (const Column& column : columns_) sum += column.memory();
    return sum;
}

/// A search a column, its summary, and the words of which something is left, if a key of any class
/// is as likely as one of the next.
double BitRows::steps() const {
    double steps = 2;
    std::vector<double> left(words_, 1);
    for (const Column& column : columns_) {
        steps += 2 + 2 * std::visit([](const auto& keys) { return keys.steps(); }, column.places);
        std::vector<double> stored(words_);
        for (size_t i = 0; i < column.summaries.size(); ++i)
            for (uint64_t bits = column.summaries[i].bits; bits != 0; bits &= bits - 1)
                ++stored[i % summary_words_ * kWord + static_cast<size_t>(std::countr_zero(bits))];
        const size_t classes = column.summaries.size() / summary_words_;
        for (size_t word = 0; word < words_; ++word)
            if (column.any[word] == 0) left[word] *= stored[word] / static_cast<double>(classes);
    }
    const double words = std::accumulate(left.begin(), left.end(), 1.0);
    return steps +
           (static_cast<double>(summary_words_) + 3 * words) * static_cast<double>(columns_.size());
}

size_t BitRows::classes() const {
    size_t sum = 0;
    for (const Column& column : columns_) sum += column.summaries.size() / summary_words_;
    return sum;
}

}  // namespace vfm
