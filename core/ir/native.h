// What the passes for native code share. They run on small functions within a microsecond, so what
// is here looks only at what it is asked about.
#pragma once

#include <vector>

#include "core/ir/ir.h"
#include "core/ir/numbers.h"
#include "core/ir/scratch.h"

namespace vfm::ir {

inline bool is_number(const Function& function, ValueId id) {
    return function[id].op == Op::constant;
}
inline bool is_number(const Function& function, ValueId id, uint64_t number) {
    return is_number(function, id) && function[id].imm == number;
}

/// The constant with this value that stands in the entry; made there if there is none.
ValueId number_in_entry(Function& function, uint64_t number);

/// The same for a pass that asks often. What it makes stands in no block before place().
class EntryNumbers {
  public:
    explicit EntryNumbers(Function& function) : function_(function), known_(scratch_) {}

    /// The constant with this value; made if there is none at the beginning of the entry.
    ValueId get(uint64_t number);
    /// Puts those that were made before everything else in the entry.
    void place();

  private:
    Function& function_;
    Scratch scratch_;
    ScratchMap<uint64_t, ValueId, NumberHash> known_;  // filled once there are many
    IdList made_;
};

/// Appends a value to a block's body.
ValueId append(Function& function, Block& block, Value value);

/// True if both are the same number whenever both are made: the same value, equal constants, or the
/// same operation of such. Looks a few operations deep.
bool same_value(const Function& function, ValueId a, ValueId b, unsigned depth = 4);

/// True if both lead to the same block with arguments that are the same.
bool same_edge(const Function& function, const Edge& a, const Edge& b);

/// True if that holds or both only end the run, with the same number or error.
bool same_outcome(const Function& function, const Edge& a, const Edge& b);

/// By block, the edges that lead to it.
std::vector<uint32_t> count_edges(const Function& function);

/// By value, the operations, ends and edges that use it.
std::vector<uint32_t> count_uses(const Function& function);

/// By block, a length that the packet is known to have where the block ends, whichever way it goes.
std::vector<uint64_t> proved_lengths(const Function& function);

/// True if the operation has no effect and cannot fail where nothing is known but that the packet
/// has `length` bytes.
bool speculatable(const Value& value, uint64_t length);

/// Drops blocks that cannot be reached any more. Does what remove_unreachable() does, in less time,
/// where blocks and edges only went from a function whose blocks were in reverse postorder.
void keep_reachable(Function& function);

/// Takes out operations without effect whose result nobody uses. Blocks are in reverse postorder.
void sweep(Function& function);

/// Numbers the values that stand in blocks without gaps, in the order of the blocks; constants,
/// which nobody reads as values, last.
void renumber(Function& function);

/// A block's end read as a test of a value for equality with a number.
struct EqualityTest {
    ValueId value = kNone;   ///< kNone if the end is no such test
    ValueId number = kNone;  ///< the constant
    bool hit_is_then = true;
    const Edge& hit(const Terminator& end) const { return hit_is_then ? end.then : end.otherwise; }
    const Edge& miss(const Terminator& end) const { return hit_is_then ? end.otherwise : end.then; }
};
EqualityTest equality_test(const Function& function, const Terminator& end);

}  // namespace vfm::ir
