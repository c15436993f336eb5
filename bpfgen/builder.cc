#include "bpfgen/builder.h"

#include <cstddef>

#include "bpf/vfm_abi.h"

namespace vfm::bpf {

uint32_t Builder::list(std::vector<Move> moves) {
    if (moves.empty()) return kNoMoves;
    function_.moves.push_back(std::move(moves));
    return static_cast<uint32_t>(function_.moves.size() - 1);
}

VReg Builder::blurred(VReg a) {
    constexpr int16_t kThrough = offsetof(vfm_stats, scratch);
    const VReg stats = load(8, kFrame, kStatsSlot);
    store(8, stats, kThrough, a);
    return load(8, stats, kThrough);
}

void Builder::put_to(Reg dst, const Operand& operand) {
    if (operand.reg == kNoReg)
        number_to(dst, operand.number);
    else
        mov_to(dst, operand.reg);
}

VReg Builder::plus(Reg a, const Operand& operand) {
    if (operand.reg != kNoReg) return alu(BPF_ADD, a, operand.reg);
    if (fits_imm(operand.number)) return alu_imm(BPF_ADD, a, operand.number);
    return alu(BPF_ADD, a, number(operand.number));
}

void Builder::store(Reg frame, int16_t slot, const Operand& word) {
    if (contents_.holds(slot, word)) return;
    if (word.reg != kNoReg) {
        store(8, frame, slot, word.reg);
    } else if (fits_imm(word.number)) {
        store_imm(8, frame, slot, word.number);
    } else {
        store(8, frame, slot, number(word.number));
        contents_.stored(slot, word);
    }
}

void Builder::follow(const MInsn& insn) {
    const bool whole = insn.size == 8;
    if (insn.op == MOp::label) {
        contents_ = {};
    } else if (insn.op == MOp::store && insn.a == kFrame) {
        contents_.stored(insn.off, whole ? std::optional(Operand{.reg = insn.b}) : std::nullopt);
    } else if (insn.op == MOp::store_imm && insn.a == kFrame) {
        contents_.stored(insn.off,
                         whole ? std::optional(Operand{.number = insn.imm}) : std::nullopt);
    }
}

void Builder::bind(Label label, std::vector<VReg> params) {
    MInsn insn{.op = MOp::label, .label = label};
    if (!params.empty()) {
        insn.list = static_cast<uint32_t>(function_.params.size());
        function_.params.push_back(std::move(params));
    }
    put(insn);
}

void Builder::jump(Label target, std::vector<Move> moves) {
    put({.op = MOp::jump, .label = target, .list = list(std::move(moves))});
}

void Builder::branch(const Condition& condition, Label target, std::vector<Move> moves) {
    MInsn insn{.op = condition.b == kNoReg ? MOp::branch_imm : MOp::branch,
               .code = condition.code,
               .narrow = condition.narrow,
               .a = condition.a,
               .b = condition.b,
               .imm = condition.imm,
               .label = target};
    insn.list = list(std::move(moves));
    put(insn);
}

void Builder::leave(const Condition& condition, Label exit, bool around) {
    branch(condition, exit);
    function_.insns.back().around = around;
}

}  // namespace vfm::bpf
