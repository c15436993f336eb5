// Lowering where loops are rounds of bpf_loop (loop_rounds.h): how a round begins and how it ends
// at a loop head.
#pragma once

#include <vector>

#include "bpfgen/builder.h"
#include "bpfgen/loop_rounds.h"
#include "bpfgen/lower_values.h"

namespace vfm::bpf {

class RoundLowering {
  public:
    /// `rounds`: null in a function without loops or with another form of them.
    RoundLowering(const LoopRounds* rounds, const ir::Function& function, Builder& builder,
                  ValueLowering& values)
        : rounds_(rounds), f_(function), b_(builder), v_(values) {}

    bool any() const { return rounds_ != nullptr; }
    bool is_head(ir::BlockId block) const { return any() && rounds_->states[block] != 0; }
    /// The round ends there.
    bool leaves(const ir::Edge& edge) const { return is_head(edge.target); }
    /// So many bytes the packet is known to have at a head.
    uint64_t length(ir::BlockId head) const { return rounds_->lengths[head]; }

    /// Goes to the head that the state says, or goes on here. `labels`: by block.
    void dispatch(const std::vector<Label>& labels);
    /// What is carried becomes the parameters of the head that begins here.
    void begin(ir::BlockId head);
    /// Ends the round.
    void leave(const ir::Edge& edge);

  private:
    int16_t place_of(ir::ValueId param) const;
    void between(uint32_t from, uint32_t to, const std::vector<Label>& labels);

    const LoopRounds* rounds_;
    const ir::Function& f_;
    Builder& b_;
    ValueLowering& v_;
};

}  // namespace vfm::bpf
