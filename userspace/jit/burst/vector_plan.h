// From the IR to steps over lanes: which filters several packets can be evaluated with at once, and
// how. Control flow becomes masks: every block is evaluated for all lanes, with the mask of those
// that would have come there.
//
// A plan is for packets of at least `least_length` bytes, the end of the farthest load of the
// filter: they need no guards, and all loads may be made at once. Shorter ones are the scalar
// code's. Refused are filters with loops, effects or state, loads behind a base, divisions and
// products of more than 32 bits. Tested by tests/unit/jit/vector_test.cc.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>
#include <vector>

#include "core/ir/form/ir.h"
#include "userspace/jit/burst/vector_steps.h"

namespace vfm::jit {

/// Bytes that one load of a packet brings into a lane of 128 bits.
inline constexpr uint32_t kWindow = 16;

/// Up to four fields, read by one load from `offset` on.
struct FieldWindow {
    static constexpr size_t kFields = 4;
    uint32_t offset = 0;
    std::vector<StepId> fields;
};

/// An ir::Row of 32-bit words.
struct LaneRow {
    uint32_t mask_a = 0, want_a = 0;
    uint32_t mask_b = 0, want_b = 0;
};

struct VectorPlan {
    std::vector<LaneStep> steps;  ///< each after those that it reads
    std::vector<uint32_t> uses;   ///< of each step, by others and as a result; 0: not to be made
    std::vector<FieldWindow> windows;
    std::vector<std::vector<uint32_t>> sets;
    std::vector<std::vector<LaneRow>> rows;
    uint32_t least_length = kWindow;
    bool stateful = false;        ///< there are flow steps: packets must come in order
    StepId value = kNoStep;       ///< number or mask: the low half of the values, 0 where an error
    StepId value_high = kNoStep;  ///< number: the high half; kNoStep if it is 0
    StepId error = kNoStep;       ///< number: the error kinds as bytes; kNoStep if there is none

    /// Steps that code is made for, but for numbers: what a group costs beside its loads, sets and
    /// rows.
    size_t cost() const;
    /// Every result that there is.
    template <class Body>
    void for_each_result(Body body) const {
        for (const StepId result : {value, value_high, error})
            if (result != kNoStep) body(result);
    }
};

/// A plan, or in a few words why there is none.
std::expected<VectorPlan, std::string_view> plan_vector(const ir::Function& function);

/// Comparisons that are used only to narrow one mask become comparisons under that mask.
void fuse_comparisons(VectorPlan& plan);

}  // namespace vfm::jit
