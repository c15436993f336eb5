#include "bpfgen/lookup/range_index.h"

#include <algorithm>
#include <bit>
#include <vector>

namespace vfm::bpf {
namespace {

constexpr unsigned kMostTopBits = 16;

// Steps of a search among the ends of the fullest part.
unsigned steps_of(std::span<const uint32_t> ends, unsigned top_bits) {
    uint32_t most = 0, count = 0, part = 0;
    for (const uint32_t end : ends) {
        const uint32_t own = top_bits == 0 ? 0 : end >> (32 - top_bits);
        count = own == part ? count + 1 : 1;
        part = own;
        most = std::max(most, count);
    }
    return static_cast<unsigned>(std::bit_width(most));
}

}  // namespace

RangeIndex make_range_index(std::span<const uint32_t> ends, bool zero_is_member,
                            ConstantData& data) {
    RangeIndex index{.zero_is_member = zero_is_member};
    index.steps = steps_of(ends, 0);
    // No more parts than four an end; the fewest of those that save most steps. An index costs what
    // a step does.
    const auto most =
        std::min(static_cast<unsigned>(std::bit_width(ends.size())) + 1, kMostTopBits);
    for (unsigned bits = 1; bits <= most; ++bits) {
        const unsigned steps = steps_of(ends, bits);
        if (steps + (index.top_bits == 0 ? 1 : 0) >= index.steps) continue;
        index.steps = steps;
        index.top_bits = bits;
    }
    if (index.top_bits > 0) {
        std::vector<uint32_t> top(size_t{1} << index.top_bits);
        size_t end = 0;
        for (size_t part = 0; part < top.size(); ++part) {
            while (end < ends.size() && ends[end] >> (32 - index.top_bits) < part) ++end;
            top[part] = static_cast<uint32_t>(4 * end);
        }
        index.top = data.add(std::span<const uint32_t>(top));
    }
    // The last ones, as great as can be, are below no number.
    std::vector<uint32_t> entries;
    entries.reserve(ends.size() + (size_t{1} << index.steps));
    for (const uint32_t end : ends) entries.push_back(end - 1);
    entries.resize(ends.size() + (size_t{1} << index.steps), UINT32_MAX);
    index.ends = data.add(std::span<const uint32_t>(entries));
    index.place_bits = static_cast<unsigned>(std::bit_width(4 * ends.size()));
    data.reserve(index.ends + most_place(index) + (uint64_t{4} << index.steps));
    return index;
}

uint64_t most_place(const RangeIndex& index) {
    const uint64_t begin = index.top_bits == 0 ? 0 : uint64_t{1} << index.place_bits;
    return begin + (uint64_t{4} << index.steps);
}

VReg place_in_ranges(Builder& b, const RangeIndex& index, VReg number) {
    VReg place = kNoReg;
    if (index.top_bits > 0) {
        const VReg part = b.alu_imm(BPF_RSH, number, 32 - index.top_bits);
        // Bits above the 32 may be there for all that the kernel's verifier knows.
        const VReg known = b.alu_imm(BPF_AND, part, (uint64_t{1} << index.top_bits) - 1);
        const VReg at = b.alu(BPF_ADD, b.data_address(index.top), b.alu_imm(BPF_LSH, known, 2));
        place = b.alu_imm(BPF_AND, b.load(4, at, 0), (uint64_t{1} << index.place_bits) - 1);
    }
    const VReg start = b.data_address(index.ends);
    for (unsigned step = index.steps; step-- > 0;) {
        VReg at = place == kNoReg ? start : b.alu(BPF_ADD, start, place);
        uint64_t offset = ((uint64_t{1} << step) - 1) * 4;
        if (offset > INT16_MAX) {
            at = b.alu_imm(BPF_ADD, at, offset);
            offset = 0;
        }
        const VReg end = b.load(4, at, static_cast<int16_t>(offset));
        const VReg below = b.alu_imm(BPF_RSH, b.alu(BPF_SUB, end, number), 63);
        const VReg bit = b.alu_imm(BPF_LSH, below, step + 2);
        place = place == kNoReg ? bit : b.alu(BPF_ADD, place, bit);
    }
    return place == kNoReg ? b.number(0) : place;
}

VReg is_in_ranges(Builder& b, const RangeIndex& index, Word key) {
    const bool wide = key.bits > 32;
    const VReg number = wide ? b.alu_imm(BPF_RSH, b.alu_imm(BPF_LSH, key.reg, 32), 32) : key.reg;
    const VReg place = place_in_ranges(b, index, number);
    VReg member = b.alu_imm(BPF_AND, b.alu_imm(BPF_RSH, place, 2), 1);
    if (index.zero_is_member) member = b.alu_imm(BPF_XOR, member, 1);
    if (!wide) return member;
    const VReg above = b.alu_imm(BPF_RSH, key.reg, 32);
    return b.alu(BPF_AND, member, b.alu_imm(BPF_RSH, b.alu_imm(BPF_SUB, above, 1), 63));
}

}  // namespace vfm::bpf
