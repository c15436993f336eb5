// The IR's 64-bit values as lanes: a number is two halves of 32 bits, of which the high one is
// mostly the number 0, and a truth value is a mask until somebody counts with it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/ir/form/analysis.h"
#include "core/ir/form/ir.h"
#include "userspace/jit/burst/vector_steps.h"

namespace vfm::jit {

class LaneValues {
  public:
    /// All outlive this object.
    LaneValues(const ir::Function& function, const ir::Cfg& cfg, StepBuilder& steps);

    struct Halves {
        StepId low = kNoStep;
        StepId high = kNoStep;  ///< kNoStep: not known
    };

    /// Makes a value of arithmetic, comparison, a load at a fixed offset, or a length. False if
    /// something reads a high half that is not known.
    bool make(ir::ValueId id);
    void set_truth(ir::ValueId id, StepId mask) { values_[id].truth = mask; }
    /// A value of two halves.
    void set_halves(ir::ValueId id, StepId low, StepId high) { values_[id].number = {low, high}; }
    /// A parameter has, in the lanes of each mask, that argument; what it has in others matters to
    /// nobody.
    struct Way {
        StepId mask;
        ir::ValueId argument;
    };
    void join(ir::ValueId param, std::span<const Way> ways);

    /// The value as two numbers.
    Halves halves(ir::ValueId id);
    /// The value as one number; kNoStep if it may not fit.
    StepId narrow(ir::ValueId id);
    /// A mask that picks the same bits of a value as `mask`; all ones if those are all it may have.
    uint32_t mask_for(ir::ValueId id, uint64_t mask) const;
    /// The mask of a value that is 0 or 1; kNoStep if it may be another.
    StepId boolean(ir::ValueId id) const;
    /// Where the value is not 0; kNoStep if a half is not known.
    StepId truth(ir::ValueId id);
    /// Where a comparison b; kNoStep if a half is not known.
    StepId compare(Comparison comparison, ir::ValueId a, ir::ValueId b);

  private:
    struct Lanes {
        Halves number;           // not made before it is asked for if this is a truth value
        StepId truth = kNoStep;  // of a truth value
        bool same(const Lanes& other) const {
            return number.low == other.number.low && number.high == other.number.high &&
                   truth == other.truth;
        }
    };

    bool truth_arithmetic(ir::ValueId id);
    Halves calculate(const ir::Value& value);
    Halves loaded(const ir::Value& value);
    Halves shifted_left(Halves a, StepId count);
    Halves shifted_right(Halves a, StepId count);
    Halves bitwise(LaneOp op, Halves a, Halves b);
    Halves sum(Halves a, Halves b);
    Halves difference(Halves a, Halves b);
    StepId count_of(ir::ValueId id);
    StepId range_test(Comparison comparison, ir::ValueId a, ir::ValueId b);
    bool fits(ir::ValueId id) const { return bounds_[id] <= 0xffffffff; }

    const ir::Function& function_;
    StepBuilder& steps_;
    std::vector<uint64_t> bounds_;
    std::vector<Lanes> values_;
    StepId zero_;
};

}  // namespace vfm::jit
