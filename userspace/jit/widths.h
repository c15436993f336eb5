// How wide the result of an operation can be, so that short instructions serve.
#pragma once

#include <cstdint>

#include "core/ir/ir.h"
#include "userspace/jit/plan.h"

namespace vfm::jit {

/// The result is less than 2 to this number, given the widths of the operands in the plan. Not for
/// parameters, whose edges decide.
uint8_t result_bits(const ir::Function& function, const Plan& plan, const ir::Value& value);

}  // namespace vfm::jit
