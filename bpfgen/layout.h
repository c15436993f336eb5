// The order of blocks in the code, and which way of a branch is left for later.
//
// The kernel's verifier follows the fall-through of a branch first and keeps the other way pending;
// it gives up at 8,193 pending ways. So the way that ends sooner falls through.
#pragma once

#include <cstdint>
#include <vector>

#include "core/ir/form/ir.h"

namespace vfm::bpf {

class Layout {
  public:
    explicit Layout(const ir::Function& function);

    /// Blocks that have code of their own: all but bare ends that lowering copies into their
    /// predecessors. The entry comes first, every block after all its
    /// predecessors but those that come back to it along a loop.
    const std::vector<ir::BlockId>& order() const { return order_; }
    /// Length of the longest way from a block to the end of the run, in blocks, loops left out; 0
    /// for a bare end.
    uint32_t height(ir::BlockId block) const { return height_[block]; }
    /// True if `block` follows the one at order()[index].
    bool follows(size_t index, ir::BlockId block) const {
        return index + 1 < order_.size() && order_[index + 1] == block;
    }
    /// True if the branch at the end of `block` ends sooner by its `then` edge.
    bool then_is_sooner(const ir::Block& block) const;
    /// The edges of the branch at the end of `block`: the one that ends sooner, and the other.
    const ir::Edge& soon(const ir::Block& block) const {
        return then_is_sooner(block) ? block.end.then : block.end.otherwise;
    }
    const ir::Edge& late(const ir::Block& block) const {
        return then_is_sooner(block) ? block.end.otherwise : block.end.then;
    }

  private:
    std::vector<ir::BlockId> order_;
    std::vector<uint32_t> height_;
};

}  // namespace vfm::bpf
