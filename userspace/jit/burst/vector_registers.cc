#include "userspace/jit/burst/vector_registers.h"

#include <algorithm>
#include <bit>

namespace vfm::jit {

LaneRegisters::LaneRegisters(const VectorPlan& plan, Files files, LaneMoves& moves)
    : plan_(plan),
      moves_(moves),
      masks_apart_(files.masks != 0),
      first_(plan.steps.size() + 2),
      register_(plan.steps.size(), kNowhere),
      slot_(plan.steps.size(), kNowhere),
      defined_(plan.steps.size()) {
    files_[0].free = files.numbers;
    files_[1].free = files.masks;
    const auto for_each_use = [&](auto body) {
        for (StepId user = 0; user < plan_.steps.size(); ++user)
            if (plan_.uses[user] != 0)
                for_each_input(plan_.steps[user], [&](StepId used) { body(used, user); });
        plan_.for_each_result(
            [&](StepId used) { body(used, static_cast<StepId>(plan_.steps.size())); });
    };
    // Counted two places on, so that filling moves each beginning to where it belongs.
    for_each_use([&](StepId used, StepId) { ++first_[used + 1]; });
    for (size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
    uses_.resize(first_.back());
    std::vector<uint32_t> next(first_.begin(), first_.end());
    for_each_use([&](StepId used, StepId user) { uses_[next[used]++] = user; });
}

void LaneRegisters::begin(StepId step) {
    now_ = step;
    for (File& file : files_) file.pinned = 0;
}

unsigned LaneRegisters::use(StepId step) {
    if (register_[step] == kNowhere) {
        const unsigned reg = take(step);
        if (is_number(step)) {
            moves_.load_number(plan_.steps[step].imm, reg);
            defined_[step] = true;
        } else {
            moves_.load(step, reg, static_cast<uint32_t>(slot_[step]));
        }
    }
    const auto reg = static_cast<unsigned>(register_[step]);
    file_of(step).pinned |= uint32_t{1} << reg;
    return reg;
}

unsigned LaneRegisters::define(StepId step) {
    defined_[step] = true;
    return take(step);
}

void LaneRegisters::end() {
    const auto finish = [&](StepId used) {
        if (defined_[used] && uses(used).back() <= now_) drop(used);
    };
    if (now_ < plan_.steps.size())
        for_each_input(plan_.steps[now_], finish);
    else
        plan_.for_each_result(finish);
}

unsigned LaneRegisters::take(StepId step) {
    File& file = file_of(step);
    if (file.free == 0) evict_farthest(file);
    const auto reg = static_cast<unsigned>(std::countr_zero(file.free));
    file.free &= file.free - 1;
    file.pinned |= uint32_t{1} << reg;
    file.owner[reg] = step;
    register_[step] = static_cast<int>(reg);
    return reg;
}

bool LaneRegisters::holds(const File& file, unsigned reg) const {
    const StepId step = file.owner[reg];
    return step < register_.size() && register_[step] == static_cast<int>(reg) &&
           &files_[in_mask_file(step)] == &file;
}

void LaneRegisters::evict_farthest(File& file) {
    StepId farthest = 0;
    unsigned chosen = 0;
    for (unsigned reg = 0; reg < kRegisters; ++reg) {
        if (!holds(file, reg) || (file.pinned >> reg & 1) != 0) continue;
        const StepId next = next_use(file.owner[reg]);
        if (next < farthest) continue;
        farthest = next;
        chosen = reg;
    }
    evict(file, chosen);
}

void LaneRegisters::evict(File& file, unsigned reg) {
    const StepId step = file.owner[reg];
    if (!is_number(step) && slot_[step] == kNowhere) {
        auto free = std::ranges::find(slots_, kNoStep);
        if (free == slots_.end()) free = slots_.insert(free, kNoStep);
        *free = step;
        slot_[step] = static_cast<int>(free - slots_.begin());
        moves_.store(step, reg, static_cast<uint32_t>(slot_[step]));
    }
    register_[step] = kNowhere;
    file.free |= uint32_t{1} << reg;
}

void LaneRegisters::leave_registers() {
    for (File& file : files_)
        for (unsigned reg = 0; reg < kRegisters; ++reg) {
            if (!holds(file, reg)) continue;
            if (uses(file.owner[reg]).back() > now_)
                evict(file, reg);
            else
                drop(file.owner[reg]);
        }
}

StepId LaneRegisters::next_use(StepId step) const {
    const auto all = uses(step);
    const auto next = std::ranges::lower_bound(all, now_);
    return next == all.end() ? static_cast<StepId>(plan_.steps.size()) : *next;
}

void LaneRegisters::drop(StepId step) {
    if (register_[step] != kNowhere) {
        file_of(step).free |= uint32_t{1} << register_[step];
        register_[step] = kNowhere;
    }
    if (slot_[step] != kNowhere) slots_[static_cast<size_t>(slot_[step])] = kNoStep;
    slot_[step] = kNowhere;
}

}  // namespace vfm::jit
