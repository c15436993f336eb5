// Which registered host function each import of a program means: the one rule for every engine that
// runs CALL. Tested by tests/unit/run.
#pragma once

#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/run/program.h"
#include "core/verify/verify.h"

namespace vfm {

/// The host functions of a program by import number, as CALL names them. An import means the first
/// registered function with its name and arity. One that has none, called or not, is
/// Status::refused with a message that names it, located at the first CALL of it, else at the
/// program as a whole.
Result<std::vector<HostFunction>> match_host_functions(const VerifiedModule& program,
                                                       std::span<const HostFunction> registered);

}  // namespace vfm
