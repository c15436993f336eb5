#include "bpfgen/round_code.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "bpfgen/frame.h"
#include "bpfgen/select.h"

namespace vfm::bpf {
namespace {

constexpr int16_t kState = scratch_offset(kStateSlot);

}  // namespace

RoundCode::RoundCode(Emitter& emitter, const HookFacts& hook, const Exits& ends)
    : emitter_(emitter),
      outer_(ends),
      exits_(emitter, hook, ends.options()),
      begin_(emitter.label()) {}

void RoundCode::code(MFunction code, Allocation allocation, RoundFrame frame) {
    code_ = std::move(code);
    allocation_ = std::move(allocation);
    frame_ = std::move(frame);
    drop_unread();
}

void RoundCode::drop_unread() {
    std::set<int16_t> slots;
    std::set<VReg> registers;
    for (const MInsn& insn : code_.insns) {
        if (insn.op == MOp::load && insn.a == kFrame) slots.insert(insn.off);
        for_each_read(code_, insn, [&](VReg reg) { registers.insert(reg); });
    }
    // Reads of the result, for fixed inputs, are added by select().
    std::erase_if(frame_.slots,
                  [&](int16_t slot) { return slot != kResultSlot && !slots.contains(slot); });
    std::erase_if(frame_.registers, [&](const RoundFrame::Kept& kept) {
        return kept.reg != kScratchBase && !registers.contains(kept.reg);
    });
}

void RoundCode::find_ends(uint32_t first_state) {
    std::set<uint32_t> used;
    for (const MInsn& insn : code_.insns)
        if (insn.op != MOp::label) used.insert(insn.label.id);
    const std::vector<Label> inner = exits_.all(), outer = outer_.all();
    auto state = static_cast<int32_t>(first_state);
    for (size_t i = 0; i < inner.size(); ++i)
        if (used.contains(inner[i].id)) ends_.push_back({inner[i], outer[i], state++});
}

void RoundCode::call(const LoopRounds& rounds, uint64_t most, bool fuel) {
    find_ends(rounds.states_of_heads());
    emitter_.emit(store_imm(8, kScratchBase, kState, 0));
    if (fuel) {
        emitter_.emit(load(8, 1, kFrame, kFuelSlot));
        emitter_.emit(store(8, kScratchBase, scratch_offset(kRoundFuelSlot), 1));
    }
    for (const RoundFrame::Kept& kept : frame_.registers)
        if (kept.stored) emitter_.emit(store(8, kFrame, kept.slot, kept.reg));
    emitter_.number(1, most);
    emitter_.function_address(2, begin_);
    emitter_.emit(mov(3, kFrame));
    emitter_.emit(mov_imm(4, 0));
    emitter_.emit(ebpf::call(BPF_FUNC_loop));
    emitter_.emit(load(8, 1, kScratchBase, kState));
    for (const End& end : ends_) emitter_.emit_jump(jump_if_imm(BPF_JEQ, 1, end.state), end.outer);
    // Not without an end: there is no more fuel than rounds.
    emitter_.emit_jump(outer_.error(ErrorKind::limit));
}

void RoundCode::emit(std::vector<Subprogram>& written, bool fixed_inputs) {
    constexpr Reg kCaller = 2;
    emitter_.origin(code_.insns.front().origin);
    emitter_.begin_subprogram(begin_);
    for (const int16_t slot : frame_.slots) {
        emitter_.emit(load(8, 0, kCaller, slot));
        emitter_.emit(store(8, kFrame, slot, 0));
    }
    for (const RoundFrame::Kept& kept : frame_.registers)
        emitter_.emit(load(8, kept.reg, kCaller, kept.slot));
    select(code_, allocation_, emitter_, fixed_inputs);
    emitter_.origin(0);
    for (const End& end : ends_) {
        emitter_.bind(end.inner);
        emitter_.emit(store_imm(8, kScratchBase, kState, end.state));
        emitter_.emit(mov_imm(0, 1));
        emitter_.emit(exit_insn());
    }
    // Longer than the name of any map or program.
    written.push_back({.name = fmt::format("vfm_loop_rounds_{}", written.size()),
                       .insn = 0,
                       .parameters = 0,
                       .is_round = true});
}

}  // namespace vfm::bpf
