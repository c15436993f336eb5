// What passes share when they change a function.
#pragma once

#include <numeric>
#include <span>

#include "core/ir/analysis.h"
#include "core/ir/intervals.h"
#include "core/ir/ir.h"
#include "core/ir/scratch.h"

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

/// The greatest number that an operation can make, given that of each of its operands.
uint64_t upper_bound(const Function& function, const Value& value,
                     std::span<const uint64_t> bounds);
/// The same, given these bounds of the operands. A number's bound is the number.
uint64_t upper_bound(const Function& function, const Value& value, uint64_t a, uint64_t b);
/// The result of an operation is less than 2 to this number, given the same of its operands. 64 for
/// parameters, whose edges decide.
unsigned result_bits(const Function& function, const Value& value, unsigned a, unsigned b);
/// The greatest number that each value can be, as far as its operation and operands tell.
void upper_bounds(const Function& function, const Cfg& cfg, std::span<uint64_t> bounds);

}  // namespace vfm::ir
