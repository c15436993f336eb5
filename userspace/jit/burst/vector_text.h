// Steps over lanes as text, for listings.
#pragma once

#include <string>

#include "userspace/jit/burst/vector_plan.h"

namespace vfm::jit {

/// "s3 = eq s1, 443 where s2", "s5 = in_set s4 of 12 keys".
std::string step_text(const VectorPlan& plan, StepId id);

}  // namespace vfm::jit
