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
