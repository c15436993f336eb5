#include "bpfgen/lookup_tables.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <utility>

#include "core/base/check.h"
#include "core/base/diagnostic.h"
#include "core/tables/rule_rows.h"
#include "core/tables/wide.h"

namespace vfm::bpf {
namespace {

using Key = vfm::WideKey;
using Range = KeyRange<WideKey>;

// What the kernel is asked to take for one program.
constexpr uint64_t kMostData = uint64_t{32} << 20;

// The members of a set as ranges in order that neither overlap nor touch.
std::vector<Range> ranges_of(const SetDecl& set) {
    std::vector<Range> ranges;
    ranges.reserve(set.members.size());
    for (const SetMember& member : set.members)
        ranges.push_back(prefix_range(wide_key(member.hi, member.lo), member.length, set.width));
    std::ranges::sort(ranges, {}, &Range::first);
    std::vector<Range> merged;
    for (const Range& range : ranges) {
        if (!merged.empty() && range.first <= merged.back().last)
            merged.back().last = std::max(merged.back().last, range.last);
        else if (!merged.empty() && range.first - merged.back().last == 1)
            merged.back().last = range.last;
        else
            merged.push_back(range);
    }
    return merged;
}

// Where something changes: the first key of a range and the first behind it.
void add_ends(const Range& range, Key greatest, std::vector<Key>& ends) {
    if (range.first > 0) ends.push_back(range.first);
    if (range.last < greatest) ends.push_back(range.last + 1);
}

SortedTable add_sorted(ConstantData& data, const std::vector<Key>& ends, unsigned words) {
    SortedTable table{.steps = static_cast<unsigned>(std::bit_width(ends.size())), .words = words};
    table.small = words == 1 && (ends.empty() || ends.back() >> 63 == 0);
    std::vector<uint64_t> entries;
    entries.reserve(words << table.steps);
    for (const Key end : ends) {
        if (words == 2) entries.push_back(static_cast<uint64_t>(end >> 64));
        entries.push_back(static_cast<uint64_t>(end));
    }
    entries.resize(size_t{words} << table.steps, ~uint64_t{0} >> (table.small ? 1 : 0));
    table.offset = data.add(std::span<const uint64_t>(entries));
    return table;
}

// The key that stands for all with so many ends up to it.
Key key_at(const std::vector<Key>& ends, size_t count) { return count == 0 ? 0 : ends[count - 1]; }

bool holds(const std::vector<Range>& ranges, Key key) {
    const auto after = std::ranges::upper_bound(ranges, key, {}, &Range::first);
    return after != ranges.begin() && std::prev(after)->last >= key;
}

// Numbers of ends that a search can find. More than there are it finds for the greatest keys, which
// are behind the last end.
size_t place_count(const SortedTable& table) { return size_t{1} << table.steps; }

std::unexpected<Failure> refuse_at(const Insn& insn, std::string why) {
    return fail(Diagnostic::at_offset("", insn.offset, "eBPF: " + std::move(why)), Status::refused);
}

}  // namespace

Result<LookupTables> LookupTables::make(const VerifiedModule& program, ConstantData data) {
    LookupTables tables;
    tables.data_ = std::move(data);
    const Module& module = program.module();
    for (const Insn& insn : program.insns()) {
        const std::string_view name = op_info(insn.op).name;
        if (insn.op == Opcode::IN || insn.op == Opcode::IN128) {
            const bool wide = insn.op == Opcode::IN128;
            const SetDecl& set = module.sets[insn.imm];
            if (set.live) continue;  // a map
            if (!(wide ? tables.wide_sets_ : tables.sets_).contains(insn.imm))
                tables.add_set(set, insn.imm, wide);
        } else if (insn.op == Opcode::VERDICT) {
            if (!tables.verdicts_.contains(insn.imm))
                tables.add_verdicts(module.rule_tables[insn.imm], insn.imm);
        } else if (insn.op == Opcode::MATCH && !tables.rows_.contains(insn.imm)) {
            const RuleTable& rules = module.rule_tables[insn.imm];
            if (!tables.add_rows(rules, insn.imm))
                return refuse_at(insn, fmt::format("MATCH: the rules {} need more than {} MiB",
                                                   printable(rules.name), kMostData >> 20));
        }
        if (tables.data_.size() > kMostData)
            return refuse_at(
                insn, fmt::format("{}: its tables need more than {} MiB", name, kMostData >> 20));
    }
    return tables;
}

namespace {

EndTable make_ends(const std::vector<Range>& ranges, unsigned words, ConstantData& data) {
    const Key greatest = greatest_of(64 * words);
    std::vector<Key> ends;
    for (const Range& range : ranges) add_ends(range, greatest, ends);
    EndTable table{.ends = add_sorted(data, ends, words)};
    std::vector<uint8_t> members(place_count(table.ends));
    for (size_t count = 0; count < members.size(); ++count)
        members[count] = holds(ranges, key_at(ends, std::min(count, ends.size())));
    table.members = data.add(std::span<const uint8_t>(members));
    return table;
}

// The members, if they are nearly all single keys: of ranges that hold up to two each.
std::optional<std::vector<uint64_t>> single_keys(const std::vector<Range>& ranges) {
    Key count = 0;
    for (const Range& range : ranges) {
        if (range.last - range.first >= 2 * ranges.size()) return std::nullopt;
        count += range.last - range.first + 1;
    }
    if (count == 0 || count > 2 * ranges.size()) return std::nullopt;
    std::vector<uint64_t> keys;
    keys.reserve(static_cast<size_t>(count));
    for (const Range& range : ranges)
        for (Key key = range.first; key <= range.last; ++key)
            keys.push_back(static_cast<uint64_t>(key));
    return keys;
}

// Of ranges below 2^32.
RangeIndex make_index(const std::vector<Range>& ranges, ConstantData& data) {
    std::vector<Key> ends;
    for (const Range& range : ranges) add_ends(range, UINT32_MAX, ends);
    std::vector<uint32_t> narrow;
    narrow.reserve(ends.size());
    for (const Key end : ends) narrow.push_back(static_cast<uint32_t>(end));
    return make_range_index(narrow, !ranges.empty() && ranges[0].first == 0, data);
}

SetTable make_table(const std::vector<Range>& ranges, ConstantData& data) {
    if (const auto keys = single_keys(ranges))
        if (auto table = make_key_table(*keys, data)) return *std::move(table);
    if (ranges.empty() || ranges.back().last <= UINT32_MAX) return make_index(ranges, data);
    return make_ends(ranges, 1, data);
}

}  // namespace

void LookupTables::add_set(const SetDecl& set, uint64_t number, bool wide) {
    const Key greatest = greatest_of(wide ? 128 : 64);
    std::vector<Range> ranges = ranges_of(set);
    // Of keys of two words those whose first is 0 are keys of one.
    std::erase_if(ranges, [&](const Range& range) { return range.first > greatest; });
    if (!ranges.empty()) ranges.back().last = std::min(ranges.back().last, greatest);
    if (wide) {
        wide_sets_.emplace(number, make_ends(ranges, 2, data_));
    } else {
        sets_.emplace(number, make_table(ranges, data_));
    }
}

Result<> LookupTables::add_own(const ir::Function& function) {
    for (const ir::Block& block : function.blocks)
        for (const ir::ValueId id : block.body) {
            const ir::Value& value = function[id];
            if (value.op == ir::Op::in_set) {
                add_keys(function.sets[value.imm], value.imm);
            } else if (value.op == ir::Op::in_rows) {
                auto list = make_rule_list(function, value, data_);
                VFM_CHECK(list.has_value(), "find_rule_lists() has asked");
                rule_lists_.emplace(id, *std::move(list));
            }
            if (data_.size() > kMostData)
                return fail(Diagnostic::at_offset(
                                "", value.origin,
                                fmt::format("eBPF: the tables of tests for equality need more than "
                                            "{} MiB",
                                            kMostData >> 20)),
                            Status::refused);
        }
    return {};
}

void LookupTables::add_keys(const std::vector<uint64_t>& keys, uint64_t number) {
    if (keys_.contains(number)) return;
    if (auto table = make_key_table(keys, data_)) {
        keys_.emplace(number, *std::move(table));
        return;
    }
    std::vector<Range> ranges;
    ranges.reserve(keys.size());
    for (const uint64_t key : keys) ranges.push_back({key, key});
    keys_.emplace(number, make_ends(ranges, 1, data_));
}

void LookupTables::add_verdicts(const RuleTable& rules, uint64_t number) {
    std::vector<uint64_t> entries = {rules.default_verdict};
    entries.insert(entries.end(), rules.verdicts.begin(), rules.verdicts.end());
    entries.resize(std::bit_ceil(entries.size()), rules.default_verdict);
    VerdictTable table{.bits = static_cast<unsigned>(std::countr_zero(entries.size()))};
    if (std::ranges::max(entries) <= UINT8_MAX) {
        const std::vector<uint8_t> bytes(entries.begin(), entries.end());
        table.size = 1;
        table.offset = data_.add(std::span<const uint8_t>(bytes));
    } else {
        table.offset = data_.add(std::span<const uint64_t>(entries));
    }
    verdicts_.emplace(number, table);
}

namespace {

// Makes the columns of a rule table.
class ColumnMaker {
  public:
    using Words = std::vector<uint64_t>;

    ColumnMaker(const RuleRows& rows, RowTable& table, ConstantData& data)
        : rows_(rows), table_(table), data_(data) {}

    // False if the column would take more than `most` bytes.
    bool add(unsigned number, uint64_t most) {
        const RuleKey& key = rows_.keys()[number];
        RuleColumn column;
        column.key = number;
        column.operand = key.operand;
        column.width = key.width;
        const Key greatest = greatest_of(key.width == 128 ? 128 : 64);
        find_tests(number);
        std::vector<Key> ends;
        for (const auto& [row, range] : tests_) add_ends(range, greatest, ends);
        std::ranges::sort(ends);
        const auto repeated = std::ranges::unique(ends);
        ends.erase(repeated.begin(), repeated.end());
        column.ends = add_sorted(data_, ends, key.width == 128 ? 2 : 1);

        known_records_.clear(), records_.clear(), known_chunks_.clear(), chunks_.clear();
        place_of(any_);
        std::vector<uint32_t> places(place_count(column.ends));
        if (!find_places(ends, places, most)) return false;
        column.places = data_.add(std::span<const uint32_t>(places));
        column.records = data_.add(std::span<const uint64_t>(records_));
        column.chunks = data_.add(std::span<const uint64_t>(chunks_));
        column.place_bits = static_cast<unsigned>(std::bit_width(records_.size()));
        column.chunk_bits = static_cast<unsigned>(std::bit_width(known_chunks_.size()));
        data_.reserve(column.records + (uint64_t{8} << column.place_bits) + 8 * record_words());
        data_.reserve(column.chunks + (8 * table_.chunk << column.chunk_bits));
        table_.columns.push_back(column);
        return true;
    }

  private:
    struct Test {
        size_t row;
        Range range;
    };

    size_t record_words() const { return 1 + (table_.chunks() + 1) / 2; }

    void find_tests(unsigned number) {
        tests_.clear();
        any_.assign(table_.chunks() * table_.chunk, 0);
        for (size_t row = 0; row < rows_.size(); ++row) {
            bool tested = false;
            for (const KeyTest& test : rows_.tests(row)) {
                if (test.key != number) continue;
                tests_.push_back({row, test.range});
                tested = true;
            }
            if (!tested) flip(any_, row);
        }
    }

    static void flip(Words& rows, size_t row) { rows[row / 64] ^= uint64_t{1} << (row % 64); }

    // From the least key up, with the rows that each number of ends leaves.
    bool find_places(const std::vector<Key>& ends, std::vector<uint32_t>& places, uint64_t most) {
        struct Change {
            size_t count;
            size_t row;
        };
        std::vector<Change> changes;  // where a row comes or goes
        const auto count_up_to = [&](Key key) {
            return static_cast<size_t>(std::ranges::upper_bound(ends, key) - ends.begin());
        };
        for (const auto& [row, range] : tests_) {
            changes.push_back({count_up_to(range.first), row});
            changes.push_back({count_up_to(range.last) + 1, row});
        }
        std::ranges::sort(changes, {}, &Change::count);
        Words rows = any_;
        size_t next = 0;
        for (size_t count = 0; count < places.size(); ++count) {
            if (count > ends.size()) {  // see place_count()
                places[count] = places[ends.size()];
                continue;
            }
            for (; next < changes.size() && changes[next].count == count; ++next)
                flip(rows, changes[next].row);
            places[count] = place_of(rows);
            if (8 * (records_.size() + chunks_.size()) > most) return false;
        }
        return true;
    }

    uint32_t place_of(const Words& rows) {
        Words record(record_words());
        for (size_t i = 0; i < table_.chunks(); ++i) {
            const auto first = rows.begin() + static_cast<std::ptrdiff_t>(i * table_.chunk);
            const Words chunk(first, first + static_cast<std::ptrdiff_t>(table_.chunk));
            const bool empty = std::ranges::all_of(chunk, [](uint64_t word) { return word == 0; });
            record[0] |= uint64_t{!empty} << i;
            record[1 + i / 2] |= uint64_t{chunk_number(chunk)} << (i % 2 * 32);
        }
        const auto [found, is_new] =
            known_records_.try_emplace(record, static_cast<uint32_t>(records_.size()));
        if (is_new) records_.insert(records_.end(), record.begin(), record.end());
        return found->second;
    }

    uint32_t chunk_number(const Words& chunk) {
        const auto [found, is_new] =
            known_chunks_.try_emplace(chunk, static_cast<uint32_t>(known_chunks_.size()));
        if (is_new) chunks_.insert(chunks_.end(), chunk.begin(), chunk.end());
        return found->second;
    }

    const RuleRows& rows_;
    RowTable& table_;
    ConstantData& data_;
    // of one column
    std::vector<Test> tests_;
    Words any_;  // rows that do not test the key
    std::map<Words, uint32_t> known_records_, known_chunks_;
    Words records_, chunks_;
};

}  // namespace

bool LookupTables::add_rows(const RuleTable& rules, uint64_t number) {
    const RuleRows rows(rules);
    RowTable table;
    table.words = (rows.size() + 63) / 64;
    while (table.chunks() > 64) table.chunk *= 2;
    ColumnMaker maker(rows, table, data_);
    std::vector<bool> tested(rows.keys().size());
    for (size_t row = 0; row < rows.size(); ++row)
        for (const KeyTest& test : rows.tests(row)) tested[test.key] = true;
    for (unsigned key = 0; key < tested.size(); ++key) {
        if (!tested[key]) continue;
        const uint64_t left = kMostData - std::min<uint64_t>(kMostData, data_.size());
        if (!maker.add(key, left)) return false;
    }
    if (table.columns.empty()) {
        table.only_rule = rows.size() > 0 ? rows.rule(0) : 0;
        rows_.emplace(number, std::move(table));
        return true;
    }
    std::vector<uint32_t> numbers;
    for (size_t row = 0; row < rows.size(); ++row) numbers.push_back(rows.rule(row));
    table.rules = data_.add(std::span<const uint32_t>(numbers));
    table.row_bits = static_cast<unsigned>(std::bit_width(64 * table.words));
    data_.reserve(table.rules + (uint64_t{4} << table.row_bits));
    std::vector<uint8_t> lowest(64);
    for (unsigned bit = 0; bit < 64; ++bit)
        lowest[(uint64_t{1} << bit) * kBitFactor >> 58] = static_cast<uint8_t>(bit);
    table.lowest = data_.add(std::span<const uint8_t>(lowest));
    rows_.emplace(number, std::move(table));
    return true;
}

}  // namespace vfm::bpf
