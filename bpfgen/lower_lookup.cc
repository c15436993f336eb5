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
    // The length, then the number from its highest byte on, in pieces as the stack is aligned.
    int16_t at = kWideKeySlot;
    b.store(4, kFrame, at, b.number(width));
    at = static_cast<int16_t>(at + 4);
    const auto put = [&](VReg word, unsigned shift, unsigned size) {
        const VReg part = shift == 0 ? word : b.alu_imm(BPF_RSH, word, shift);
        b.store(size, kFrame, at, b.to_be(part, size));
        at = static_cast<int16_t>(at + size);
    };
    if (width == 128) {
        put(upper, 32, 4);
        put(upper, 0, 4);
    }
    if (width >= 64) {
        put(lower, 32, 4);
        put(lower, 0, 4);
    } else {
        put(lower, width - 32, 4);
        if (width == 48) put(lower, 0, 2);
    }
    b.map_address_to(1, map);
    b.slot_address_to(2, kWideKeySlot);
    b.call(BPF_FUNC_map_lookup_elem);
    b.branch({.code = BPF_JEQ, .a = 0, .imm = 0}, done, {{.dst = result, .imm = 0}});
    b.jump(done, {{.dst = result, .imm = 1}});
    b.bind(done, {result});
    return b.blurred(result);
}

VReg verdict_of(Builder& b, const VerdictTable& verdicts, Word rule) {
    if (verdicts.bits == 0) return element(b, verdicts.offset, b.number(0), verdicts.size);
    VReg index = rule.reg;
    if (rule.bits > verdicts.bits) {
        const VReg beyond = b.alu_imm(BPF_RSH, rule.reg, verdicts.bits);
        index = masked(b, index, is_zero(b, beyond, 64 - verdicts.bits));
    }
    return element(b, verdicts.offset, cut(b, index, verdicts.bits), verdicts.size);
}

void count_packet(Builder& b, uint32_t map, uint64_t counters, Word counter, PacketAccess& packet) {
    const Label done = b.label();
    if (counter.bits > 32) b.branch({.code = BPF_JGE, .a = counter.reg, .imm = counters}, done);
    b.store(8, kFrame, kKeySlot, counter.reg);
    b.map_address_to(1, map);
    b.slot_address_to(2, kKeySlot);
    b.call(BPF_FUNC_map_lookup_elem);
    b.branch({.code = BPF_JEQ, .a = 0, .imm = 0}, done);
    const VReg at = b.mov(0);
    const VReg packets = b.load(8, at, offsetof(vfm_counter, packets));
    b.store(8, at, offsetof(vfm_counter, packets), b.alu_imm(BPF_ADD, packets, 1));
    const VReg bytes = b.load(8, at, offsetof(vfm_counter, bytes));
    b.store(8, at, offsetof(vfm_counter, bytes), b.alu(BPF_ADD, bytes, packet.len()));
    b.bind(done);
}

}  // namespace vfm::bpf
