// What the passes share while they work on one function: memory, and what is known of its shape
// until a pass changes it.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "core/ir/form/analysis.h"
#include "core/ir/form/bounds.h"
#include "core/ir/form/scratch.h"

namespace vfm::ir {

/// What a pass did to the function; several may hold.
struct Changes {
    bool fewer = false;   ///< operations went, and with them uses of values
    bool values = false;  ///< values are made or used otherwise than before
    bool shape = false;   ///< blocks, edges or parameters are others

    static constexpr Changes all() { return {true, true, true}; }
    bool any() const { return fewer || values || shape; }
    Changes& operator|=(const Changes& other) {
        fewer |= other.fewer, values |= other.values, shape |= other.shape;
        return *this;
    }
    /// True if both have something in common.
    bool meets(const Changes& other) const {
        return (fewer && other.fewer) || (values && other.values) || (shape && other.shape);
    }
};

class Work {
  public:
    explicit Work(const Function& function) : function_(function) {}

    /// Free again after each pass.
    Scratch& scratch() { return scratch_; }

    /// Of the function as the last pass left it; a pass that changes the shape goes by the old one.
    const Cfg& cfg() {
        if (!std::exchange(has_cfg_, true)) cfg_.build(function_);
        return cfg_;
    }
    const Dominators& dominators() {
        if (!std::exchange(has_dominators_, true)) dominators_.build(function_, cfg());
        return dominators_;
    }
    /// By value: what upper_bounds() says. A value that this pass has made has none.
    std::span<const uint64_t> bounds() {
        if (!std::exchange(has_bounds_, true)) {
            bounds_.resize(function_.values.size());
            upper_bounds(function_, cfg(), bounds_);
        }
        return bounds_;
    }

    /// Values have other numbers now.
    void renumbered() { has_bounds_ = false; }

    /// After each pass: what it made untrue is forgotten, the scratch memory free.
    void finish(const Changes& changes) {
        if (changes.shape) has_cfg_ = has_dominators_ = false;
        if (changes.any()) has_bounds_ = false;
        scratch_.reset();
    }

  private:
    const Function& function_;
    Scratch scratch_;
    Cfg cfg_;
    Dominators dominators_;
    std::vector<uint64_t> bounds_;
    bool has_cfg_ = false, has_dominators_ = false, has_bounds_ = false;
};

}  // namespace vfm::ir
