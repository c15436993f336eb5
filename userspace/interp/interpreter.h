// The interpreter: it runs the bytecode itself, as fast as that goes without making code. No checks
// of what the verifier has proved, arithmetic from core/isa/alu.h; a few sequences of instructions
// run as one step. What judges it, as every other engine, is the Stepper. Tested by
// tests/unit/interp and by every differential suite.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/run/program.h"
#include "core/verify/verify.h"
#include "userspace/flow/user_program.h"

namespace vfm {

/// Makes a program ready to be interpreted. Counts blocks if the options ask for it.
Result<std::shared_ptr<const UserProgram>> interpreter_program(const VerifiedModule& program,
                                                               const ProgramOptions& options = {});

}  // namespace vfm
