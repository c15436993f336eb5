// What both ways of running bytecode, whole programs and single steps, ask of it first.
#pragma once

#include "core/base/result.h"
#include "core/verify/verify.h"

namespace vfm {

/// Status::refused, with opcode and offset, if the program has an instruction that has no meaning
/// here (IN, IN128, MATCH).
Result<> refuse_unsupported(const VerifiedModule& program);

}  // namespace vfm
