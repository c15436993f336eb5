// The stack of the machine while bytecode is lifted: which value is in which slot. A stack is a
// list of cells from the top down that is never changed, so that blocks share what lies below their
// own work and a program with 65,536 states of depth 256 needs cells only for what it pushes and
// merges.
#pragma once

#include <cstdint>

#include "core/ir/form/ir.h"
#include "core/ir/form/scratch.h"

namespace vfm::ir {

class Stacks {
  public:
    /// A stack, named by its top cell.
    using Stack = uint32_t;
    static constexpr Stack kEmpty = kNone;

    explicit Stacks(Scratch& scratch) : cells_(scratch) {}

    Stack push(Stack below, ValueId value) {
        cells_.push_back({value, below});
        return static_cast<Stack>(cells_.size() - 1);
    }
    ValueId top(Stack stack) const { return cells_[stack].value; }
    Stack below(Stack stack) const { return cells_[stack].below; }
    Stack below(Stack stack, uint64_t count) const {
        while (count-- > 0) stack = cells_[stack].below;
        return stack;
    }
    size_t cells() const { return cells_.size(); }

  private:
    struct Cell {
        ValueId value;
        Stack below;
    };
    ScratchStack<Cell> cells_;
};

}  // namespace vfm::ir
