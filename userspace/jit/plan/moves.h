// Moves that happen at once, such as those of the arguments of an edge, as moves one after another.
// Tested by tests/unit/jit/moves_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "userspace/jit/plan/plan.h"

namespace vfm::jit {

/// From one register or slot to another.
struct Move {
    Location to;
    Location from;
    bool operator==(const Move&) const = default;
};

class MoveSequence {
  public:
    /// An order in which `moves`, all of which read before any writes, give the same when done one
    /// after another. No two have the same `to`, none is to or from `scratch`, which the order uses
    /// to break cycles. Linear time. Valid until the next call.
    std::span<const Move> order(std::span<const Move> moves, Location scratch);

  private:
    struct Node {
        uint32_t readers = 0;  // moves not yet done that read the location
        int32_t writer = -1;   // the move not yet done that writes it
    };
    Node& at(Location location);
    void emit(std::span<const Move> moves, size_t i);

    std::vector<Node> nodes_;  // by Location::index(); all empty between calls
    std::vector<uint32_t> ready_;
    std::vector<Move> ordered_;
};

}  // namespace vfm::jit
