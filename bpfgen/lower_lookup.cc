#include "bpfgen/lower_lookup.h"

#include <bit>
#include <cstddef>
#include <vector>

#include "bpf/vfm_abi.h"

namespace vfm::bpf {
namespace {

constexpr uint64_t kAllOnes = ~uint64_t{0};
constexpr unsigned kMostOffset = INT16_MAX;

// Truths are in the highest bit until all that is asked is known: before Linux 6.10 the verifier
// knows nothing of an OR of two values, but what a shift leaves it always knows.
VReg highest_bit(Builder& b, VReg x) { return b.alu_imm(BPF_RSH, x, 63); }

// The highest bit says if x < y. `small`: neither has its highest bit set.
VReg is_less(Builder& b, VReg x, VReg y, bool small) {
    const VReg difference = b.alu(BPF_SUB, x, y);
    if (small) return difference;
    const VReg only_y = b.alu(BPF_AND, b.alu_imm(BPF_XOR, x, kAllOnes), y);
    const VReg same = b.alu_imm(BPF_XOR, b.alu(BPF_XOR, x, y), kAllOnes);
    const VReg lost = b.alu(BPF_AND, same, difference);
    return b.alu(BPF_OR, only_y, lost);
}

VReg inverted(Builder& b, VReg truth) { return b.alu_imm(BPF_XOR, truth, 1); }

// The highest bit says if x is not 0.
VReg is_not_zero(Builder& b, VReg x, unsigned bits) {
    const VReg negative = b.neg(x);
    return bits < 64 ? negative : b.alu(BPF_OR, negative, x);
}

// 1 if x is not 0.
VReg is_set(Builder& b, VReg x, unsigned bits) { return highest_bit(b, is_not_zero(b, x, bits)); }

// x if `truth` is 1, else 0.
VReg masked(Builder& b, VReg x, VReg truth) { return b.alu(BPF_AND, x, b.neg(truth)); }

// `base` + an offset that a load's instruction may not hold: the rest of it is left for that.
VReg moved(Builder& b, VReg base, uint64_t& offset) {
    if (offset <= kMostOffset) return base;
    const VReg result = b.alu_imm(BPF_ADD, base, offset);
    offset = 0;
    return result;
}

// How many entries of a table are not above the key: a bit of the number each step. What the
// kernel's verifier knows of it is that it is below 2^steps.
VReg count_up_to(Builder& b, const SortedTable& table, std::span<const Word> key) {
    if (table.steps == 0) return b.number(0);
    const unsigned shift = table.words == 2 ? 4 : 3;
    const VReg start = b.data_address(table.offset);
    VReg count = kNoReg;
    for (unsigned step = table.steps; step-- > 0;) {
        VReg at = start;
        if (count != kNoReg) at = b.alu(BPF_ADD, start, b.alu_imm(BPF_LSH, count, shift));
        uint64_t offset = ((uint64_t{1} << step) - 1) << shift;
        at = moved(b, at, offset);
        const auto off = static_cast<int16_t>(offset);
        VReg less = kNoReg;
        if (table.words == 1) {
            less = is_less(b, key[0].reg, b.load(8, at, off), table.small && key[0].bits < 64);
        } else {
            const VReg upper = b.load(8, at, off);
            const VReg less_upper = is_less(b, key[0].reg, upper, false);
            const VReg other = is_not_zero(b, b.alu(BPF_XOR, key[0].reg, upper), 64);
            const VReg lower = b.load(8, at, static_cast<int16_t>(off + 8));
            const VReg less_lower = is_less(b, key[1].reg, lower, false);
            const VReg same = b.alu_imm(BPF_XOR, other, kAllOnes);
            less = b.alu(BPF_OR, less_upper, b.alu(BPF_AND, less_lower, same));
        }
        const VReg bit = b.alu_imm(BPF_LSH, inverted(b, highest_bit(b, less)), step);
        count = count == kNoReg ? bit : b.alu(BPF_ADD, count, bit);
    }
    return count;
}

// The entry of a table of numbers of `size` bytes.
VReg entry(Builder& b, uint32_t table, VReg index, unsigned size) {
    const VReg offset = size == 1 ? index
                                  : b.alu_imm(BPF_LSH, index,
                                              size == 8   ? 3
                                              : size == 4 ? 2
                                                          : 1);
    return b.load(size, b.alu(BPF_ADD, b.data_address(table), offset), 0);
}

VReg below_power(Builder& b, VReg x, unsigned bits) {
    const uint64_t mask = (uint64_t{1} << bits) - 1;
    return fits_imm(mask) ? b.alu_imm(BPF_AND, x, mask) : b.alu(BPF_AND, x, b.number(mask));
}

// 1 if a test of the key can hold: it is there and has no bits above its width.
VReg is_usable(Builder& b, const RuleColumn& column, const Word& key, const Word& mask) {
    VReg present = b.alu_imm(BPF_AND, b.alu_imm(BPF_RSH, mask.reg, column.key), 1);
    if (column.width != 32 || key.bits <= 32) return present;
    const VReg above = is_set(b, b.alu_imm(BPF_RSH, key.reg, 32), 32);
    return b.alu(BPF_AND, present, inverted(b, above));
}

}  // namespace

VReg is_member(Builder& b, const SetTable& set, std::span<const Word> key) {
    if (const auto* keys = std::get_if<KeyTable>(&set)) return is_key(b, *keys, key[0]);
    if (const auto* ranges = std::get_if<RangeIndex>(&set)) return is_in_ranges(b, *ranges, key[0]);
    const auto& ends = std::get<EndTable>(set);
    return entry(b, ends.members, count_up_to(b, ends.ends, key), 1);
}

VReg is_in_map(Builder& b, uint32_t map, unsigned width, std::span<const Word> key) {
    const Label done = b.label();
    const VReg result = b.fresh();
    const VReg lower = key.back().reg;
    const VReg upper = key.size() == 2 ? key[0].reg : b.number(0);
    // Bits above the width are in no member.
    const auto none_if = [&](VReg bits) {
        b.branch({.code = BPF_JNE, .a = bits, .imm = 0}, done, {{.dst = result, .imm = 0}});
    };
    if (width < 128 && key.size() == 2) none_if(upper);
    if (width < 64 && key.back().bits > width) none_if(b.alu_imm(BPF_RSH, lower, width));
    // The length in 4 bytes, then the number from its highest byte on. Slots of the frame are
    // written whole: one that is written in pieces the verifier takes to be read before, and all
    // that ever was in it parts its states.
    int16_t at = kWideKeySlot;
    VReg rest = b.number(width);
    const auto put = [&](VReg word) {
        const VReg first = b.alu_imm(BPF_LSH, word, 32);
        b.store(8, kFrame, at, b.alu(BPF_OR, first, rest));
        at = static_cast<int16_t>(at + 8);
        rest = b.alu_imm(BPF_RSH, word, 32);
    };
    if (width == 128) put(b.to_be(upper, 8));
    if (width == 48) {
        put(b.to_be(b.alu_imm(BPF_LSH, lower, 16), 8));
    } else {
        put(b.to_be(lower, width == 32 ? 4 : 8));
    }
    if (width > 32) b.store(8, kFrame, at, rest);
    b.map_address_to(1, map);
    b.slot_address_to(2, kWideKeySlot);
    b.call(BPF_FUNC_map_lookup_elem);
    b.branch({.code = BPF_JEQ, .a = 0, .imm = 0}, done, {{.dst = result, .imm = 0}});
    b.jump(done, {{.dst = result, .imm = 1}});
    b.bind(done, {result});
    return b.blurred(result);
}

VReg verdict_of(Builder& b, const VerdictTable& verdicts, Word rule) {
    if (verdicts.bits == 0) return entry(b, verdicts.offset, b.number(0), verdicts.size);
    VReg index = rule.reg;
    if (rule.bits > verdicts.bits) {
        const VReg beyond = b.alu_imm(BPF_RSH, rule.reg, verdicts.bits);
        index = masked(b, index, inverted(b, is_set(b, beyond, 64 - verdicts.bits)));
    }
    return entry(b, verdicts.offset, below_power(b, index, verdicts.bits), verdicts.size);
}

namespace {

// Where each key's record of the rows that it leaves stands.
std::vector<VReg> find_records(Builder& b, const RowTable& rows, std::span<const Word> operands) {
    std::vector<VReg> records;
    for (const RuleColumn& column : rows.columns) {
        const auto key = operands.subspan(column.operand, column.ends.words);
        const VReg usable = is_usable(b, column, key[0], operands.back());
        const VReg place = entry(b, column.places, count_up_to(b, column.ends, key), 4);
        const VReg word = below_power(b, masked(b, place, usable), column.place_bits);
        records.push_back(
            b.alu(BPF_ADD, b.data_address(column.records), b.alu_imm(BPF_LSH, word, 3)));
    }
    return records;
}

// Where a chunk stands, for each key.
std::vector<VReg> find_chunks(Builder& b, const RowTable& rows, std::span<const VReg> records,
                              size_t chunk) {
    const auto size = static_cast<uint64_t>(std::countr_zero(8 * rows.chunk));
    std::vector<VReg> chunks;
    for (size_t i = 0; i < records.size(); ++i) {
        const RuleColumn& column = rows.columns[i];
        const VReg stands = b.load(4, records[i], static_cast<int16_t>(8 + 4 * chunk));
        const VReg number = below_power(b, stands, column.chunk_bits);
        chunks.push_back(
            b.alu(BPF_ADD, b.data_address(column.chunks), b.alu_imm(BPF_LSH, number, size)));
    }
    return chunks;
}

// What all keys leave of a word at an offset.
VReg common(Builder& b, std::span<const VReg> from, uint64_t offset) {
    VReg all = kNoReg;
    for (const VReg base : from) {
        uint64_t rest = offset;
        const VReg at = moved(b, base, rest);
        const VReg word = b.load(8, at, static_cast<int16_t>(rest));
        all = all == kNoReg ? word : b.alu(BPF_AND, all, word);
    }
    return all;
}

}  // namespace

VReg match_rules(Builder& b, const RowTable& rows, std::span<const Word> operands) {
    if (rows.columns.empty()) return b.number(rows.only_rule);
    const std::vector<VReg> records = find_records(b, rows, operands);
    const VReg not_empty = common(b, records, 0);
    const Label found = b.label(), done = b.label();
    const VReg bits = b.fresh(), first = b.fresh(), result = b.fresh();
    for (size_t chunk = 0; chunk < rows.chunks(); ++chunk) {
        const Label next = b.label();
        const VReg bit = b.alu_imm(BPF_AND, b.alu_imm(BPF_RSH, not_empty, chunk), 1);
        b.branch({.code = BPF_JEQ, .a = bit, .imm = 0}, next);
        const std::vector<VReg> chunks = find_chunks(b, rows, records, chunk);
        for (size_t i = 0; i < rows.chunk; ++i) {
            const size_t word = chunk * rows.chunk + i;
            if (word == rows.words) break;
            const VReg left = common(b, chunks, 8 * i);
            b.branch({.code = BPF_JNE, .a = left, .imm = 0}, found,
                     {{.dst = bits, .src = left}, {.dst = first, .imm = 64 * word}});
        }
        b.bind(next);
    }
    b.jump(done, {{.dst = result, .imm = 0}});
    b.bind(found, {bits, first});
    const VReg lowest = b.alu(BPF_AND, bits, b.neg(bits));
    const VReg hash = b.alu_imm(BPF_RSH, b.alu(BPF_MUL, lowest, b.number(kBitFactor)), 58);
    // From here on all words are the same to the kernel's verifier.
    const VReg row = b.alu(BPF_ADD, b.blurred(first), entry(b, rows.lowest, hash, 1));
    const VReg rule = entry(b, rows.rules, below_power(b, row, rows.row_bits), 4);
    b.jump(done, {{.dst = result, .src = rule}});
    b.bind(done, {result});
    return b.blurred(result);
}

namespace {

// Adds a packet and LEN to the counter there.
void add_packet(Builder& b, VReg base, int16_t offset, PacketAccess& packet) {
    const auto packets = static_cast<int16_t>(offset + offsetof(vfm_counter, packets));
    const auto bytes = static_cast<int16_t>(offset + offsetof(vfm_counter, bytes));
    b.store(8, base, packets, b.alu_imm(BPF_ADD, b.load(8, base, packets), 1));
    const VReg len = packet.len_by_branch();
    b.store(8, base, bytes, b.alu(BPF_ADD, b.load(8, base, bytes), len));
}

// In a map of its own.
void count_in_map(Builder& b, uint32_t map, uint64_t counters, Counter counter,
                  PacketAccess& packet) {
    const Label done = b.label();
    if (const auto* number = std::get_if<uint64_t>(&counter)) {
        b.store_imm(4, kFrame, kKeySlot, *number);
    } else {
        const Word& word = std::get<Word>(counter);
        if (word.bits > 32) b.branch({.code = BPF_JGE, .a = word.reg, .imm = counters}, done);
        b.store(4, kFrame, kKeySlot, word.reg);
    }
    b.map_address_to(1, map);
    b.slot_address_to(2, kKeySlot);
    b.call(BPF_FUNC_map_lookup_elem);
    b.branch({.code = BPF_JEQ, .a = 0, .imm = 0}, done);
    const VReg at = b.mov(0);
    add_packet(b, at, 0, packet);
    b.bind(done);
}

void count_in_stats(Builder& b, uint32_t offset, uint64_t counters, Counter counter,
                    PacketAccess& packet) {
    const VReg stats = b.load(8, kFrame, kStatsSlot);
    if (const auto* number = std::get_if<uint64_t>(&counter)) {
        const uint64_t at = offset + *number * sizeof(vfm_counter);
        add_packet(b, stats, static_cast<int16_t>(at), packet);
        return;
    }
    const Label done = b.label();
    const VReg own = b.mov(std::get<Word>(counter).reg);
    b.branch({.code = BPF_JGT, .a = own, .imm = counters - 1}, done);
    const VReg behind = b.alu_imm(BPF_MUL, own, sizeof(vfm_counter));
    add_packet(b, b.alu(BPF_ADD, stats, behind), static_cast<int16_t>(offset), packet);
    b.bind(done);
}

}  // namespace

void count_packet(Builder& b, const CounterPlace& place, uint64_t counters, Counter counter,
                  PacketAccess& packet) {
    if (place.map) {
        count_in_map(b, *place.map, counters, counter, packet);
    } else {
        count_in_stats(b, place.offset, counters, counter, packet);
    }
}

}  // namespace vfm::bpf
