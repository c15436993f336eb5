// What the guards and branches passed on the way to a place say of the packet's length there.
// Shared by check(), which wants a proof for each load, and by bounds_check_elimination, which
// drops what is proved already. Facts are scoped: the dominator tree is walked, and leaving a block
// takes back what was learnt in it.
//
// Bytes at fixed offsets are proved by lengths alone and bytes behind a base by tests of that same
// base alone, though either may follow from the other: the kernel's verifier reasons so, and a
// load must have its proof there as well.
#pragma once

#include <cstdint>

#include "core/ir/form/ir.h"
#include "core/ir/form/scratch.h"
#include "core/isa/alu.h"

namespace vfm::ir {

/// What is known of a condition.
enum class Known : uint8_t { nothing, holds, fails };

class LengthFacts {
  public:
    explicit LengthFacts(Scratch& scratch) : bases_(scratch), undo_(scratch) {}

    /// mark() on entering a block, release() with its result on leaving it.
    size_t mark() const { return undo_.size(); }
    void release(size_t mark);

    /// What a guard of the length that was passed says.
    void learn_guard(const Value& guard);
    /// What leaving by the `then` edge (`taken`) or by the other says.
    void learn_branch(const Terminator& end, bool taken);

    /// That the packet has `length` bytes.
    Known length(uint64_t length) const;
    /// That a + imm, not wrapping, is within the packet's length.
    Known index(ValueId a, uint64_t imm) const;
    /// The condition of guard_len or guard_index.
    Known guard(const Value& guard) const;
    /// The condition under which a branch goes to `then`; nothing for other ends.
    Known branch(const Terminator& end) const;

  private:
    /// What is known of a + imm for a base a, of imm alone for none.
    struct Reach {
        uint64_t within = 0;             ///< with every imm below this it is within the length
        uint64_t beyond = ~uint64_t{0};  ///< with every imm from this on it is not
    };
    struct Change {
        ValueId base;  // kNone for the length itself
        Reach before;
    };
    struct Hash {
        uint64_t operator()(ValueId id) const { return mix(kMixStart, id); }
    };

    Reach& reach(ValueId base) { return base == kNone ? length_ : bases_.insert(base, {}).value; }
    void learn(ValueId base, uint64_t imm, bool holds);

    Reach length_{.within = 1};  // none is shorter than nothing
    ScratchMap<ValueId, Reach, Hash> bases_;
    ScratchStack<Change> undo_;
};

}  // namespace vfm::ir
