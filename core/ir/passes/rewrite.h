// What passes share when they change a function.
#pragma once

#include <numeric>
#include <span>

#include "core/ir/form/analysis.h"
#include "core/ir/form/ir.h"
#include "core/ir/form/scratch.h"

namespace vfm::ir {

/// Values that stand for others: a forest with short paths. Replacing does not touch the function;
/// apply() does, or the pass asks find() for each use that it visits.
class Replacements {
  public:
    Replacements(const Function& function, Scratch& scratch)
        : count_(function.values.size()), scratch_(scratch) {}

    /// True if nothing replaces anything.
    bool empty() const { return to_.empty(); }
    /// What to use instead of a value: itself if nothing replaces it.
    ValueId find(ValueId id) {
        if (empty()) return id;
        while (to_[id] != id) {
            to_[id] = to_[to_[id]];
            id = to_[id];
        }
        return id;
    }
    /// From now on `by` is used for `id`. The new value must not itself be replaced by `id`.
    void replace(ValueId id, ValueId by) {
        if (empty()) {
            to_ = scratch_.room<ValueId>(count_);
            std::iota(to_.begin(), to_.end(), 0u);
        }
        to_[id] = by;
    }
    bool is_replaced(ValueId id) const { return !empty() && to_[id] != id; }

    /// Puts the replacements into every use.
    void apply(Function& function);

  private:
    size_t count_;
    Scratch& scratch_;
    std::span<ValueId> to_;  // made when something is replaced
};

/// By value, or by block, whether it is marked.
using Marks = std::span<uint8_t>;

/// Takes the parameters that are marked from their blocks, and their arguments from the edges.
void drop_params(Function& function, Marks dropped);

/// True if both lead to the same block with the same arguments.
inline bool same_way(const Edge& a, const Edge& b) {
    return a.target == b.target && a.args == b.args;
}

/// Ends a block with an error: nothing behind body[count] is reached.
void end_with_trap(Block& block, size_t count, ErrorKind error, uint32_t origin);

}  // namespace vfm::ir
