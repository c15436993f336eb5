#include "bpfgen/lookup/end_table.h"

#include <algorithm>
#include <bit>

#include "bpfgen/lookup/code.h"

namespace vfm::bpf {
namespace {

constexpr uint64_t kAllOnes = ~uint64_t{0};

// The key that stands for all with so many ends up to it.
WideKey key_at(const std::vector<WideKey>& ends, size_t count) {
    return count == 0 ? 0 : ends[count - 1];
}

bool holds(std::span<const WideRange> ranges, WideKey key) {
    const auto after = std::ranges::upper_bound(ranges, key, {}, &WideRange::first);
    return after != ranges.begin() && std::prev(after)->last >= key;
}

// Truths are in the highest bit until all that is asked is known: before Linux 6.10 the verifier
// knows nothing of an OR of two values, but what a shift leaves it always knows.

// The highest bit says if x < y. `small`: neither has its highest bit set.
VReg is_less(Builder& b, VReg x, VReg y, bool small) {
    const VReg difference = b.alu(BPF_SUB, x, y);
    if (small) return difference;
    const VReg only_y = b.alu(BPF_AND, b.alu_imm(BPF_XOR, x, kAllOnes), y);
    const VReg same = b.alu_imm(BPF_XOR, b.alu(BPF_XOR, x, y), kAllOnes);
    const VReg lost = b.alu(BPF_AND, same, difference);
    return b.alu(BPF_OR, only_y, lost);
}

// The highest bit says if x is not 0.
VReg is_not_zero(Builder& b, VReg x) { return b.alu(BPF_OR, b.neg(x), x); }

VReg is_less(Builder& b, std::span<const Word> key, VReg at, int16_t off) {
    const VReg upper = b.load(8, at, off);
    const VReg less_upper = is_less(b, key[0].reg, upper, false);
    const VReg other = is_not_zero(b, b.alu(BPF_XOR, key[0].reg, upper));
    const VReg lower = b.load(8, at, static_cast<int16_t>(off + 8));
    const VReg less_lower = is_less(b, key[1].reg, lower, false);
    const VReg same = b.alu_imm(BPF_XOR, other, kAllOnes);
    return b.alu(BPF_OR, less_upper, b.alu(BPF_AND, less_lower, same));
}

}  // namespace

SortedTable add_sorted(ConstantData& data, const std::vector<WideKey>& keys, unsigned words) {
    SortedTable table{.steps = static_cast<unsigned>(std::bit_width(keys.size())), .words = words};
    table.small = words == 1 && (keys.empty() || keys.back() >> 63 == 0);
    std::vector<uint64_t> entries;
    entries.reserve(words << table.steps);
    for (const WideKey key : keys) {
        if (words == 2) entries.push_back(static_cast<uint64_t>(key >> 64));
        entries.push_back(static_cast<uint64_t>(key));
    }
    entries.resize(size_t{words} << table.steps, kAllOnes >> (table.small ? 1 : 0));
    table.offset = data.add(std::span<const uint64_t>(entries));
    return table;
}

VReg count_up_to(Builder& b, const SortedTable& table, std::span<const Word> key) {
    if (table.steps == 0) return b.number(0);
    const unsigned shift = table.words == 2 ? 4 : 3;
    const VReg start = b.data_address(table.offset);
    VReg count = kNoReg;
    for (unsigned step = table.steps; step-- > 0;) {
        VReg at = start;
        if (count != kNoReg) at = b.alu(BPF_ADD, start, b.alu_imm(BPF_LSH, count, shift));
        uint64_t offset = ((uint64_t{1} << step) - 1) << shift;
        if (offset > INT16_MAX) {
            at = b.alu_imm(BPF_ADD, at, offset);
            offset = 0;
        }
        const auto off = static_cast<int16_t>(offset);
        const VReg less = table.words == 2 ? is_less(b, key, at, off)
                                           : is_less(b, key[0].reg, b.load(8, at, off),
                                                     table.small && key[0].bits < 64);
        const VReg above = b.alu_imm(BPF_XOR, b.alu_imm(BPF_RSH, less, 63), 1);
        const VReg bit = b.alu_imm(BPF_LSH, above, step);
        count = count == kNoReg ? bit : b.alu(BPF_ADD, count, bit);
    }
    return count;
}

void add_ends(const WideRange& range, WideKey greatest, std::vector<WideKey>& ends) {
    if (range.first > 0) ends.push_back(range.first);
    if (range.last < greatest) ends.push_back(range.last + 1);
}

EndTable make_ends(std::span<const WideRange> ranges, unsigned words, ConstantData& data) {
    const WideKey greatest = greatest_of(64 * words);
    std::vector<WideKey> ends;
    for (const WideRange& range : ranges) add_ends(range, greatest, ends);
    EndTable table{.ends = add_sorted(data, ends, words)};
    std::vector<uint8_t> members(table.ends.places());
    for (size_t count = 0; count < members.size(); ++count)
        members[count] = holds(ranges, key_at(ends, std::min(count, ends.size())));
    table.members = data.add(std::span<const uint8_t>(members));
    return table;
}

VReg is_between_ends(Builder& b, const EndTable& table, std::span<const Word> key) {
    return element(b, table.members, count_up_to(b, table.ends, key), 1);
}

}  // namespace vfm::bpf
