// What passes share when they change a function.
#pragma once

#include <numeric>
#include <vector>

#include "core/ir/ir.h"

namespace vfm::ir {

/// Values that stand for others: a forest with short paths. Replacing does not touch the function;
/// apply() does, or the pass asks find() for each use that it visits.
class Replacements {
  public:
    explicit Replacements(const Function& function) : to_(function.values.size()) {
        std::iota(to_.begin(), to_.end(), 0u);
    }

    /// What to use instead of a value: itself if nothing replaces it.
    ValueId find(ValueId id) {
        while (to_[id] != id) {
            to_[id] = to_[to_[id]];
            id = to_[id];
        }
        return id;
    }
    /// From now on `by` is used for `id`. The new value must not itself be replaced by `id`.
    void replace(ValueId id, ValueId by) { to_[id] = by; }
    bool is_replaced(ValueId id) const { return to_[id] != id; }

    /// Puts the replacements into every use.
    void apply(Function& function);

  private:
    std::vector<ValueId> to_;
};

/// Takes the parameters that are marked from their blocks, and their arguments from the edges.
void drop_params(Function& function, const std::vector<bool>& dropped);

/// True if both lead to the same block with the same arguments.
inline bool same_way(const Edge& a, const Edge& b) {
    return a.target == b.target && a.args == b.args;
}

/// Ends a block with an error: nothing behind body[count] is reached.
void end_with_trap(Block& block, size_t count, ErrorKind error, uint32_t origin);

/// The greatest number that each value can be, as far as its operation and operands tell.
std::vector<uint64_t> upper_bounds(const Function& function);

}  // namespace vfm::ir
