// Truth values, 0 or 1, made of tests and of each other: what remains of branches that are taken
// out. Everything is made at the end of a block, and once: an operation that stands there already
// is used again.
#pragma once

#include "core/ir/passes/build.h"

namespace vfm::ir {

/// What a branch tests: a comparison, or whether a truth value that is there is 1.
struct Condition {
    Comparison comparison = Comparison::ne;
    ValueId a = kNone;
    ValueId b = kNone;
    ValueId truth = kNone;  ///< kNone for a comparison
    bool positive = true;   ///< holds if `truth` is 1
};

class Truths {
  public:
    explicit Truths(Function& function) : function_(function), numbers_(function) {}

    /// True if the value is known to be 0 or 1. Looks a few operations deep.
    bool is_truth(ValueId id, unsigned depth = 4) const;
    /// The condition under which a block that ends in a branch goes to `then`.
    Condition condition(const Terminator& end) const;

    ValueId number(uint64_t number);
    /// The operation at the end of the block, or the same one from before.
    ValueId make(Block& block, const Value& value);

    /// 1 if the condition holds (`holds`) or does not, else 0.
    ValueId value(Block& block, const Condition& condition, bool holds);
    /// Operations that value() needs beyond those that there are.
    unsigned negations(const Condition& condition, bool holds) const;
    /// Of truth values.
    ValueId both(Block& block, ValueId a, ValueId b);
    ValueId either(Block& block, ValueId a, ValueId b);
    /// `yes` if the condition holds, else `no`; any values.
    ValueId select(Block& block, const Condition& condition, ValueId yes, ValueId no);
    /// True if select() takes one or two operations.
    bool cheap_select(ValueId yes, ValueId no) const;

    /// Puts the numbers that were made where they belong; before sweep().
    void place_numbers() { numbers_.place(); }

    /// Where what is made comes from.
    void set_origin(uint32_t origin) { origin_ = origin; }

  private:
    ValueId known(ValueId truth);
    ValueId negated(Block& block, ValueId truth);
    ValueId masked(Block& block, const Condition& condition, bool holds, ValueId value);
    ValueId exclusive(Block& block, ValueId value, ValueId number);

    Function& function_;
    EntryNumbers numbers_;
    std::vector<bool> known_;  // values made here that are truth values
    ValueId zero_ = kNone, one_ = kNone;
    uint32_t origin_ = 0;
};

}  // namespace vfm::ir
