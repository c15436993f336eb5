// The reference: every run is one of the Stepper, from the first instruction to the last. Simple
// and slow; it judges all other engines.
#pragma once

#include <memory>

#include "core/verify/verify.h"
#include "userspace/flow/user_program.h"

namespace vfm {

/// Takes every verified program. Runs of blocks are not counted.
std::shared_ptr<const UserProgram> stepped_program(const VerifiedModule& program);

}  // namespace vfm
