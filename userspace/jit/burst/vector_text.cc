#include "userspace/jit/burst/vector_text.h"

#include <fmt/core.h>

#include "core/ir/form/print.h"

namespace vfm::jit {
namespace {

std::string_view name(const LaneStep& step) {
    switch (step.op) {
        case LaneOp::number:
            return "number";
        case LaneOp::field:
            return "load";
        case LaneOp::field_raw:
            return "load_raw";
        case LaneOp::length:
            return "len";
        case LaneOp::add:
            return "add";
        case LaneOp::sub:
            return "sub";
        case LaneOp::mul:
            return "mul";
        case LaneOp::and_:
        case LaneOp::mask_and:
            return "and";
        case LaneOp::or_:
        case LaneOp::mask_or:
            return "or";
        case LaneOp::xor_:
        case LaneOp::mask_xor:
            return "xor";
        case LaneOp::shl:
            return "shl";
        case LaneOp::shr:
            return "shr";
        case LaneOp::select:
            return "select";
        case LaneOp::bit:
            return "bit";
        case LaneOp::flow_result:
            return "flow_result";
        case LaneOp::always:
            return "always";
        case LaneOp::never:
            return "never";
        case LaneOp::compare:
            return ir::comparison_name(step.comparison);
        case LaneOp::in_set:
            return "in_set";
        case LaneOp::in_rows:
            return "in_rows";
        case LaneOp::mask_and_not:
            return "and_not";
        case LaneOp::mask_not:
            return "not";
        case LaneOp::flow_argument:
            return "flow_argument";
        case LaneOp::flow:
            return "flow";
    }
    return "";
}

constexpr std::string_view kFlowWordNames[kFlowWords] = {"key_low", "key_high", "value_low",
                                                         "value_high"};

}  // namespace

std::string step_text(const VectorPlan& plan, StepId id) {
    const auto is = [&](StepId step, LaneOp op) { return plan.steps[step].op == op; };
    const auto use = [&](StepId step) {
        if (is(step, LaneOp::number)) return fmt::format("{}", plan.steps[step].imm);
        if (is(step, LaneOp::always)) return std::string("always");
        return fmt::format("s{}", step);
    };
    const LaneStep& step = plan.steps[id];
    std::string text = fmt::format("s{} = {}", id, name(step));
    if (step.size != 0 && (step.op == LaneOp::field || step.op == LaneOp::field_raw))
        text += fmt::format("{} {}", step.size * 8, step.imm);
    if (step.op == LaneOp::flow_argument || step.op == LaneOp::flow_result)
        text += fmt::format(" {}", kFlowWordNames[step.imm]);
    if (step.a != kNoStep) text += " " + use(step.a);
    if (step.b != kNoStep) text += ", " + use(step.b);
    if (step.op == LaneOp::in_set) text += fmt::format(" of {} keys", plan.sets[step.imm].size());
    if (step.op == LaneOp::in_rows) text += fmt::format(", {} rows", plan.rows[step.imm].size());
    if (step.op == LaneOp::flow) text += fmt::format(" table {}", step.imm);
    if (step.c != kNoStep && step.op != LaneOp::flow_result && !is(step.c, LaneOp::always))
        text += " where " + use(step.c);
    return text;
}

}  // namespace vfm::jit
