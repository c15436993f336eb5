// The reference engine: it runs the bytecode itself and judges every other engine. It is meant to
// be obviously right: no compilation, no checks of what the verifier has proved, arithmetic from
// core/isa/alu.h; a few sequences of instructions run as one step. Tested by tests/unit/interp and
// by every differential suite.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "core/run/program.h"
#include "core/verify/verify.h"
#include "userspace/flow/user_program.h"

namespace vfm {

/// Makes a program ready to be interpreted. IN, IN128 and MATCH have no implementation here: a
/// program with one fails with the opcode and its offset, Status::refused. Counts blocks if the
/// options ask for it.
Result<std::shared_ptr<const UserProgram>> interpreter_program(const VerifiedModule& program,
                                                               const ProgramOptions& options = {});

}  // namespace vfm
