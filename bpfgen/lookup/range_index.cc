#include "bpfgen/lookup/range_index.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "bpfgen/lookup/code.h"

namespace vfm::bpf {
namespace {

constexpr unsigned kMostTopBits = 16;
// The difference of two distances, which may be one less than the least, has its sign.
constexpr unsigned kMostDistanceBits = 62;

// What the kernel's verifier may take a place for, at most, in bytes from the first end.
uint64_t most_place(const RangeIndex& index) {
    const uint64_t begin = index.top_bits == 0 ? 0 : uint64_t{1} << index.place_bits;
    return begin + (uint64_t{index.entry_size} << index.steps);
}

class IndexMaker {
  public:
    // `ends` are distances.
    IndexMaker(RangeIndex& index, std::span<const uint64_t> ends) : index_(index), ends_(ends) {}

    void make(ConstantData& data) {
        index_.steps = steps(0);
        // No more parts than four an end; the fewest of those that save most steps. An index costs
        // what a step and a half do.
        const auto most =
            std::min(static_cast<unsigned>(std::bit_width(ends_.size())) + 1, kMostTopBits);
        for (unsigned bits = 1; bits <= std::min(most, index_.bits); ++bits) {
            const unsigned saved = steps(bits);
            if (saved + (index_.top_bits == 0 ? 1 : 0) >= index_.steps) continue;
            index_.steps = saved;
            index_.top_bits = bits;
        }
        if (index_.top_bits > 0) add_top(data);
        index_.place_bits = static_cast<unsigned>(std::bit_width(index_.entry_size * ends_.size()));
        if (index_.entry_size == 4) {
            add_entries<uint32_t>(data, UINT32_MAX);
        } else {
            add_entries<uint64_t>(data, INT64_MAX);
        }
        data.reserve(index_.ends + most_place(index_));
    }

  private:
    uint64_t part_of(uint64_t end, unsigned top_bits) const {
        return end >> (index_.bits - top_bits);
    }

    // Of a search among the ends of the fullest part.
    unsigned steps(unsigned top_bits) const {
        uint64_t most = 0, count = 0, part = 0;
        for (const uint64_t end : ends_) {
            const uint64_t own = top_bits == 0 ? 0 : part_of(end, top_bits);
            count = own == part ? count + 1 : 1;
            part = own;
            most = std::max(most, count);
        }
        return static_cast<unsigned>(std::bit_width(most));
    }

    void add_top(ConstantData& data) {
        std::vector<uint32_t> top(size_t{1} << index_.top_bits);
        size_t end = 0;
        for (size_t part = 0; part < top.size(); ++part) {
            while (end < ends_.size() && part_of(ends_[end], index_.top_bits) < part) ++end;
            top[part] = static_cast<uint32_t>(index_.entry_size * end);
        }
        index_.top = data.add(std::span<const uint32_t>(top));
    }

    // The last ones, as great as can be, are below no number.
    template <class Entry>
    void add_entries(ConstantData& data, Entry greatest) {
        std::vector<Entry> entries;
        entries.reserve(ends_.size() + (size_t{1} << index_.steps));
        for (const uint64_t end : ends_) entries.push_back(static_cast<Entry>(end - 1));
        entries.resize(ends_.size() + (size_t{1} << index_.steps), greatest);
        index_.ends = data.add(std::span<const Entry>(entries));
    }

    RangeIndex& index_;
    std::span<const uint64_t> ends_;
};

template <class Entry>
uint32_t add_as(std::span<const uint64_t> values, ConstantData& data) {
    const std::vector<Entry> entries(values.begin(), values.end());
    return data.add(std::span<const Entry>(entries));
}

// The number of ends up to a distance, times the size of an entry, of which the verifier knows
// nothing: what is between two pointers.
VReg place_of(Builder& b, const RangeIndex& index, VReg distance) {
    const VReg end = find_end(b, index, distance);
    return b.alu(BPF_SUB, end, b.data_address(index.ends));
}

VReg is_below_bits(Builder& b, const RangeIndex& index, Word distance) {
    return is_zero(b, b.alu_imm(BPF_RSH, distance.reg, index.bits), 64 - index.bits);
}

bool may_be_beyond(const RangeIndex& index, const Word& number) {
    return index.least != 0 || number.bits > index.bits;
}

}  // namespace

RangeIndex make_range_index(std::span<const uint32_t> ends, bool zero_is_member, ConstantData& data,
                            unsigned entry_size) {
    RangeIndex index{.entry_size = entry_size, .zero_is_member = zero_is_member};
    const std::vector<uint64_t> distances(ends.begin(), ends.end());
    IndexMaker(index, distances).make(data);
    return index;
}

std::optional<RangeIndex> make_far_range_index(std::span<const uint64_t> ends, ConstantData& data) {
    RangeIndex index{.least = ends.front(), .entry_size = 8};
    index.bits = static_cast<unsigned>(std::bit_width(ends.back() - ends.front()));
    if (index.bits > kMostDistanceBits) return std::nullopt;
    std::vector<uint64_t> distances;
    distances.reserve(ends.size());
    for (const uint64_t end : ends) distances.push_back(end - index.least);
    IndexMaker(index, distances).make(data);
    return index;
}

uint32_t add_values(const RangeIndex& index, std::span<const uint64_t> values, ConstantData& data) {
    const uint32_t at =
        index.entry_size == 4 ? add_as<uint32_t>(values, data) : add_as<uint64_t>(values, data);
    data.reserve(at + most_place(index) + index.entry_size);
    return at;
}

VReg distance_from_least(Builder& b, const RangeIndex& index, VReg number) {
    return index.least == 0 ? number : with_constant(b, BPF_SUB, number, index.least);
}

VReg is_within(Builder& b, const RangeIndex& index, Word distance) {
    return may_be_beyond(index, distance) ? is_below_bits(b, index, distance) : b.number(1);
}

VReg find_end(Builder& b, const RangeIndex& index, VReg distance) {
    VReg at = b.data_address(index.ends);
    if (index.top_bits > 0) {
        // Bits above may be there for all that the kernel's verifier knows.
        const VReg part = b.alu_imm(BPF_RSH, distance, index.bits - index.top_bits);
        const VReg place = element(b, index.top, cut(b, part, index.top_bits), 4);
        at = b.alu(BPF_ADD, at, cut(b, place, index.place_bits));
    }
    const auto shift = static_cast<unsigned>(std::countr_zero(index.entry_size));
    for (unsigned step = index.steps; step-- > 0;) {
        const uint64_t offset = ((uint64_t{1} << step) - 1) << shift;
        const VReg end = load_far(b, index.entry_size, at, offset);
        const VReg below = b.alu_imm(BPF_RSH, b.alu(BPF_SUB, end, distance), 63);
        at = b.alu(BPF_ADD, at, b.alu_imm(BPF_LSH, below, step + shift));
    }
    return at;
}

VReg value_beside(Builder& b, const RangeIndex& index, uint32_t values, VReg end) {
    return load_far(b, index.entry_size, end, values - index.ends);
}

VReg is_in_ranges(Builder& b, const RangeIndex& index, Word number) {
    const VReg distance = distance_from_least(b, index, number.reg);
    const VReg place = place_of(b, index, distance);
    const auto shift = static_cast<uint64_t>(std::countr_zero(index.entry_size));
    VReg member = b.alu_imm(BPF_AND, b.alu_imm(BPF_RSH, place, shift), 1);
    if (index.zero_is_member) member = b.alu_imm(BPF_XOR, member, 1);
    if (!may_be_beyond(index, number)) return member;
    return b.alu(BPF_AND, member, is_below_bits(b, index, {distance}));
}

Condition in_ranges(Builder& b, const RangeIndex& index, Word number) {
    if (may_be_beyond(index, number))
        return {.code = BPF_JNE, .a = is_in_ranges(b, index, number), .imm = 0};
    const VReg place = place_of(b, index, number.reg);
    const VReg odd = b.alu_imm(BPF_AND, place, index.entry_size);
    return {
        .code = static_cast<uint8_t>(index.zero_is_member ? BPF_JEQ : BPF_JNE), .a = odd, .imm = 0};
}

}  // namespace vfm::bpf
