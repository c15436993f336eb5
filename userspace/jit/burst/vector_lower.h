// The lowering of the IR to steps over lanes; plan_vector() completes what it gives.
#pragma once

#include <expected>
#include <string_view>

#include "core/ir/form/ir.h"
#include "userspace/jit/burst/vector_plan.h"

namespace vfm::jit {

/// Steps, sets, rows, least length and results; neither uses nor windows.
std::expected<VectorPlan, std::string_view> lower_to_lanes(const ir::Function& function);

}  // namespace vfm::jit
