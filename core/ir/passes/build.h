// Making values. The passes for native code run on small functions within a microsecond, so what is
// here looks only at what it is asked about.
#pragma once

#include "core/ir/form/ir.h"
#include "core/ir/form/numbers.h"
#include "core/ir/form/scratch.h"

namespace vfm::ir {

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

}  // namespace vfm::ir
