#include "bpfgen/predict/state.h"

namespace vfm::bpf {
namespace {

using ebpf::Family;
using ebpf::Op;

constexpr uint16_t bit_of(unsigned reg) { return static_cast<uint16_t>(1U << reg); }

void tie_linked(const Trail& trail, Marks& wanted) {
    uint16_t& regs = wanted.regs[trail.frame];
    uint64_t& slots = wanted.slots[trail.frame];
    if (!(regs & trail.linked) && !(slots & trail.linked_slots)) return;
    regs |= trail.linked;
    slots |= trail.linked_slots;
}

/// Replaces what the instruction made by what it made it of.
void step_back(const Code& code, const Trail& trail, Marks& wanted) {
    const ebpf::DecodedInsn& insn = code.steps[trail.at].insn;
    uint16_t& regs = wanted.regs[trail.frame];
    const uint16_t dst = bit_of(insn.dst), src = bit_of(insn.src);
    const auto clear = [&](uint16_t mask) { regs = static_cast<uint16_t>(regs & ~mask); };
    const auto set = [&](uint16_t mask) { regs = static_cast<uint16_t>(regs | mask); };
    const uint64_t slot = trail.slot == Trail::kNoSlot ? 0 : uint64_t{1} << trail.slot;
    switch (insn.family) {
        case Family::alu:
            if (!(regs & dst)) return;
            if (insn.op == Op::MOV) clear(dst);
            if (!insn.has_immediate) set(src);
            return;
        case Family::wide:
            return clear(dst);
        case Family::load:
            if (!(regs & dst)) return;
            clear(dst);
            wanted.slots[trail.slot_frame] |= slot;
            return;
        case Family::store:
        case Family::store_imm:
            if (!(wanted.slots[trail.slot_frame] & slot)) return;
            wanted.slots[trail.slot_frame] &= ~slot;
            if (insn.family == Family::store) set(src);
            return;
        case Family::may_jump:
            return;
        case Family::branch:
            tie_linked(trail, wanted);
            if (!insn.has_immediate && (regs & (dst | src))) set(dst | src);
            tie_linked(trail, wanted);
            return;
        case Family::call:
            if (insn.op == Op::CALL) return clear(0b111111);
            if (trail.frame + 1U < kMostFrames) {  // the arguments are the caller's
                uint16_t& inner = wanted.regs[trail.frame + 1U];
                set(inner & 0b111110);
                inner = 0;
                wanted.slots[trail.frame + 1U] = 0;
            }
            return;
        case Family::exit:
            if (trail.frame == 0) return;
            if (wanted.regs[trail.frame - 1U] & 1) set(1);
            wanted.regs[trail.frame - 1U] &= static_cast<uint16_t>(~0b111111);
            return;
        case Family::negate:
        case Family::swap:
        case Family::jump:
        case Family::atomic:
            return;
    }
}

/// Marks in a kept state what of `wanted` is a number there, and drops what is known already.
void mark_in(Kept& kept, Marks& wanted) {
    for (size_t frame = 0; frame < kMostFrames; ++frame) {
        uint16_t regs = 0;
        uint64_t slots = 0;
        if (frame < kept.frames.size()) {
            const FunctionState& state = kept.frames[frame];
            for (unsigned reg = 0; reg < state.regs.size(); ++reg)
                if (state.regs[reg].kind == Kind::number) regs |= bit_of(reg);
            for (unsigned i = 0; i < state.slots.size(); ++i)
                if (state.slots[i].is_number()) slots |= uint64_t{1} << i;
        }
        wanted.regs[frame] &= static_cast<uint16_t>(regs & ~kept.precise.regs[frame]);
        wanted.slots[frame] &= slots & ~kept.precise.slots[frame];
        kept.precise.regs[frame] |= wanted.regs[frame];
        kept.precise.slots[frame] |= wanted.slots[frame];
    }
}

}  // namespace

void mark_precise(const Code& code, std::vector<Kept>& kept, const Path& path, Marks wanted,
                  size_t skip) {
    const std::vector<Trail>* trail = &path.trail;
    size_t end = trail->size() - skip;
    for (uint32_t parent = path.parent;;) {
        while (end > 0 && !wanted.empty()) step_back(code, (*trail)[--end], wanted);
        if (wanted.empty() || parent == Path::kNoKept) return;
        Kept& state = kept[parent];
        mark_in(state, wanted);
        trail = &state.trail;
        end = trail->size();
        parent = state.parent;
    }
}

}  // namespace vfm::bpf
