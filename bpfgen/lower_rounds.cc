#include "bpfgen/lower_rounds.h"

namespace vfm::bpf {
void RoundLowering::dispatch(const std::vector<Label>& labels) {
    b_.load_to(0, 8, kScratchBase, scratch_offset(kStateSlot));
    between(0, rounds_->states_of_heads(), labels);
}

// The state, in r0, is one of from .. to - 1; what stands behind is 0's.
void RoundLowering::between(uint32_t from, uint32_t to, const std::vector<Label>& labels) {
    const auto of = [&](uint32_t state) { return labels[rounds_->heads[state - 1]]; };
    if (to - from == 1) {
        if (from > 0) b_.jump(of(from));
        return;
    }
    const uint32_t middle = from + (to - from) / 2;
    if (to - middle == 1) {
        b_.branch({.code = BPF_JGE, .a = 0, .imm = middle}, of(middle));
    } else {
        const Label below = b_.label();
        b_.branch({.code = BPF_JLT, .a = 0, .imm = middle}, below);
        between(middle, to, labels);
        b_.bind(below);
    }
    between(from, middle, labels);
}

int16_t RoundLowering::place_of(ir::ValueId param) const {
    return scratch_offset(kFirstCarriedSlot + rounds_->carried.of[param]);
}

void RoundLowering::begin(ir::BlockId head) {
    for (const ir::ValueId param : f_.blocks[head].params)
        v_.set(param, b_.load(8, kScratchBase, place_of(param)));
}

void RoundLowering::leave(const ir::Edge& edge) {
    const auto& params = f_.blocks[edge.target].params;
    for (size_t i = 0; i < params.size(); ++i) {
        const std::vector<uint32_t>& slots = rounds_->carried.of;
        // What this round has begun with lies there still.
        if (slots[edge.args[i]] == slots[params[i]]) continue;
        b_.store(8, kScratchBase, place_of(params[i]), v_.read(edge.args[i]));
    }
    b_.store_imm(8, kScratchBase, scratch_offset(kStateSlot), rounds_->states[edge.target]);
    b_.number_to(0, 0);
    b_.exit();
}

}  // namespace vfm::bpf
