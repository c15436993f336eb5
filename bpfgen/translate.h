// The back end proper: an IR function in, instructions and maps out.
#pragma once

#include "bpfgen/object.h"

namespace vfm::bpf {

/// The lines of the result have code offsets but no positions, and there is no source yet. Fails as
/// generate() does if the function needs more registers and stack than there are.
Result<Program> translate(ir::Function function, const VerifiedModule& program,
                          const Options& options);

}  // namespace vfm::bpf
