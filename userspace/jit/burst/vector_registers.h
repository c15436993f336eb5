// Registers for the steps of a plan. The steps are one straight line, so the best that can be done
// is simple: what is needed farthest ahead leaves its register first. A step that left goes to a
// slot of the frame, numbers are just made again.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "userspace/jit/burst/vector_plan.h"

namespace vfm::jit {

/// What moves lanes between registers and slots, for whoever writes the code.
class LaneMoves {
  public:
    virtual ~LaneMoves() = default;
    virtual void store(StepId step, unsigned reg, uint32_t slot) = 0;
    virtual void load(StepId step, unsigned reg, uint32_t slot) = 0;
    virtual void load_number(uint32_t number, unsigned reg) = 0;
};

class LaneRegisters {
  public:
    /// Registers are bits. Without registers for masks, masks live among the numbers.
    struct Files {
        uint32_t numbers = 0;
        uint32_t masks = 0;
    };
    LaneRegisters(const VectorPlan& plan, Files files, LaneMoves& moves);

    /// Between begin() and end() of a step, registers that use() and define() gave stay what they
    /// are. The results of the plan are used by step number `plan.steps.size()`.
    void begin(StepId step);
    unsigned use(StepId step);
    unsigned define(StepId step);
    void end();
    /// Before something that overwrites all registers: everything that is used later goes to slots.
    void leave_registers();

    bool defined(StepId step) const { return defined_[step]; }
    /// Slots that the frame must have.
    uint32_t slots() const { return static_cast<uint32_t>(slots_.size()); }

  private:
    static constexpr unsigned kRegisters = 32;
    static constexpr int kNowhere = -1;
    struct File {
        uint32_t free = 0;
        uint32_t pinned = 0;
        std::array<StepId, kRegisters> owner{};
    };

    bool in_mask_file(StepId step) const {
        return masks_apart_ && makes_mask(plan_.steps[step].op);
    }
    File& file_of(StepId step) { return files_[in_mask_file(step)]; }
    bool is_number(StepId step) const { return plan_.steps[step].op == LaneOp::number; }
    unsigned take(StepId step);
    void evict_farthest(File& file);
    void evict(File& file, unsigned reg);
    bool holds(const File& file, unsigned reg) const;
    StepId next_use(StepId step) const;
    void drop(StepId step);
    std::span<const StepId> uses(StepId step) const {
        return std::span(uses_).subspan(first_[step], first_[step + 1] - first_[step]);
    }

    const VectorPlan& plan_;
    LaneMoves& moves_;
    bool masks_apart_;
    std::array<File, 2> files_;
    std::vector<uint32_t> first_;
    std::vector<StepId> uses_;   // ascending, by step
    std::vector<int> register_;  // by step
    std::vector<int> slot_;      // by step
    std::vector<bool> defined_;  // by step
    std::vector<StepId> slots_;  // who is in a slot; kNoStep: nobody
    StepId now_ = 0;
};

}  // namespace vfm::jit
