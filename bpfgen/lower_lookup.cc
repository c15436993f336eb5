#include "bpfgen/lower_lookup.h"

#include <bit>
#include <cstddef>
#include <vector>

#include "bpf/vfm_abi.h"
#include "bpfgen/lookup/code.h"

namespace vfm::bpf {
namespace {

// x if `truth` is 1, else 0.
VReg masked(Builder& b, VReg x, VReg truth) { return b.alu(BPF_AND, x, b.neg(truth)); }

}  // namespace

VReg verdict_of(Builder& b, const VerdictTable& verdicts, Word rule) {
    if (verdicts.bits == 0) return element(b, verdicts.offset, b.number(0), verdicts.size);
    VReg index = rule.reg;
    if (rule.bits > verdicts.bits) {
        const VReg beyond = b.alu_imm(BPF_RSH, rule.reg, verdicts.bits);
        index = masked(b, index, is_zero(b, beyond, 64 - verdicts.bits));
    }
    return element(b, verdicts.offset, cut(b, index, verdicts.bits), verdicts.size);
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

void keep_decision(Builder& b, const std::optional<DecisionPlace>& place, const Counter& counter) {
    if (!place) return;
    const VReg stats = b.load(8, kFrame, kStatsSlot);
    if (const auto* number = std::get_if<uint64_t>(&counter)) {
        b.store_imm(8, stats, place->offset, place->before + *number + 1);
    } else {
        const VReg word = std::get<Word>(counter).reg;
        b.store(8, stats, place->offset, b.alu_imm(BPF_ADD, word, place->before + 1));
    }
}

// In a map of its own.
void count_in_map(Builder& b, uint32_t map, uint64_t counters, Counter counter,
                  PacketAccess& packet, const std::optional<DecisionPlace>& decision) {
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
    keep_decision(b, decision, counter);
    b.bind(done);
}

void count_in_stats(Builder& b, uint32_t offset, uint64_t counters, Counter counter,
                    PacketAccess& packet, const std::optional<DecisionPlace>& decision) {
    const VReg stats = b.load(8, kFrame, kStatsSlot);
    if (const auto* number = std::get_if<uint64_t>(&counter)) {
        const uint64_t at = offset + *number * sizeof(vfm_counter);
        add_packet(b, stats, static_cast<int16_t>(at), packet);
        keep_decision(b, decision, counter);
        return;
    }
    const Label done = b.label();
    const VReg own = b.mov(std::get<Word>(counter).reg);
    b.branch({.code = BPF_JGT, .a = own, .imm = counters - 1}, done);
    const VReg behind = b.alu_imm(BPF_MUL, own, sizeof(vfm_counter));
    add_packet(b, b.alu(BPF_ADD, stats, behind), static_cast<int16_t>(offset), packet);
    keep_decision(b, decision, counter);
    b.bind(done);
}

}  // namespace

void count_packet(Builder& b, const CounterPlace& place, uint64_t counters, Counter counter,
                  PacketAccess& packet, const std::optional<DecisionPlace>& decision) {
    if (place.map) {
        count_in_map(b, *place.map, counters, counter, packet, decision);
    } else {
        count_in_stats(b, place.offset, counters, counter, packet, decision);
    }
}

}  // namespace vfm::bpf
