// What both ways of running bytecode, whole programs and single steps, ask of it first.
#pragma once

#include <vector>

#include "core/base/result.h"
#include "core/run/engine.h"
#include "core/verify/verify.h"

namespace vfm {

/// The host functions of a program's imports, in their order. Status::refused, with opcode and
/// offset, if it has an instruction that has no meaning here (IN, IN128, MATCH), or with the import
/// that no registered function fits.
Result<std::vector<HostFunction>> prepare(const VerifiedModule& program,
                                          const EngineOptions& options);

}  // namespace vfm
