// Native code as text beside the source lines it was made of: `vfm-dis --native`.
#pragma once

#include <string>

#include "core/base/result.h"
#include "userspace/jit/native_program.h"

namespace vfm::jit {

/// One machine instruction a line (offset, bytes, Intel syntax) with what is to be said of it;
/// below each change of place a comment with the source line, or with the bytecode instruction if
/// the module has no source. The constants behind the code are counted, not shown. Then, if
/// `program` was compiled with bursts, what runs those, vector code in the same way, or why there
/// is none. Addresses that change from run to run have names. `program` was compiled with `lines`.
/// Status::bug if a byte is no instruction.
Result<std::string> listing(const NativeProgram& program);

}  // namespace vfm::jit
