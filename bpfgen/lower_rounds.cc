#include "bpfgen/lower_rounds.h"

namespace vfm::bpf {
namespace {

int16_t carried_offset(size_t parameter) {
    return scratch_offset(kFirstCarriedSlot + static_cast<uint32_t>(parameter));
}

}  // namespace

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

void RoundLowering::begin(ir::BlockId head) {
    const auto& params = f_.blocks[head].params;
    for (size_t i = 0; i < params.size(); ++i)
        v_.set(params[i], b_.load(8, kScratchBase, carried_offset(i)));
}

void RoundLowering::leave(const ir::Edge& edge) {
    for (size_t i = 0; i < edge.args.size(); ++i)
        b_.store(8, kScratchBase, carried_offset(i), v_.read(edge.args[i]));
    b_.store_imm(8, kScratchBase, scratch_offset(kStateSlot), rounds_->states[edge.target]);
    b_.number_to(0, 0);
    b_.exit();
}

}  // namespace vfm::bpf
