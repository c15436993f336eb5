#include "userspace/jit/burst/vector_plan.h"

#include <algorithm>
#include <utility>

#include "userspace/jit/burst/vector_lower.h"

namespace vfm::jit {
namespace {

void count_uses(VectorPlan& plan) {
    plan.uses.assign(plan.steps.size(), 0);
    plan.for_each_result([&](StepId result) { ++plan.uses[result]; });
    for (size_t id = plan.steps.size(); id-- > 0;) {
        if (has_effect(plan.steps[id].op)) ++plan.uses[id];
        if (plan.uses[id] != 0)
            for_each_input(plan.steps[id], [&](StepId input) { ++plan.uses[input]; });
    }
}

/// The windows that cover all fields, none beyond the least length: from the lowest field that is
/// not covered yet, as far to the left as the end of the packet makes necessary.
void choose_windows(VectorPlan& plan) {
    std::vector<StepId> fields;
    for (StepId id = 0; id < plan.steps.size(); ++id) {
        const LaneOp op = plan.steps[id].op;
        if (plan.uses[id] != 0 && (op == LaneOp::field || op == LaneOp::field_raw))
            fields.push_back(id);
    }
    std::ranges::sort(fields, {}, [&](StepId id) { return std::pair(plan.steps[id].imm, id); });
    for (const StepId id : fields) {
        const LaneStep& field = plan.steps[id];
        const auto fits = [&](const FieldWindow& window) {
            return window.fields.size() < FieldWindow::kFields &&
                   field.imm + field.size <= window.offset + kWindow;
        };
        if (plan.windows.empty() || !fits(plan.windows.back()))
            plan.windows.push_back({std::min(field.imm, plan.least_length - kWindow), {}});
        plan.windows.back().fields.push_back(id);
    }
}

}  // namespace

size_t VectorPlan::cost() const {
    size_t count = 0;
    for (StepId id = 0; id < steps.size(); ++id)
        count += uses[id] != 0 && steps[id].op != LaneOp::number;
    return count;
}

std::expected<VectorPlan, std::string_view> plan_vector(const ir::Function& function) {
    auto plan = lower_to_lanes(function);
    if (!plan) return plan;
    count_uses(*plan);
    choose_windows(*plan);
    return plan;
}

void fuse_comparisons(VectorPlan& plan) {
    const auto alone = [&](StepId id) {
        const LaneStep& step = plan.steps[id];
        return plan.uses[id] == 1 && step.op == LaneOp::compare && step.c == kNoStep;
    };
    for (StepId id = 0; id < plan.steps.size(); ++id) {
        LaneStep& step = plan.steps[id];
        if (plan.uses[id] == 0) continue;
        const bool narrows = step.op == LaneOp::mask_and;
        const bool narrows_not = step.op == LaneOp::mask_and_not;
        StepId tested = kNoStep, mask = kNoStep;
        if ((narrows || narrows_not) && alone(step.b)) {
            tested = step.b;
            mask = step.a;
        } else if (narrows && alone(step.a)) {
            tested = step.a;
            mask = step.b;
        } else {
            continue;
        }
        plan.uses[tested] = 0;
        step = plan.steps[tested];
        step.c = mask;
        if (narrows_not) step.comparison = negate(step.comparison);
    }
}

}  // namespace vfm::jit
