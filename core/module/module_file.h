// Programs on disk: a raw program is the code alone, a module a protobuf message
// (vfm_module.proto) whose first bytes are `0A 04 56 46 4D 01`.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/module/module.h"

namespace vfm {

inline constexpr size_t kMaxModuleFile = size_t{512} << 20;  ///< bytes

/// True if the bytes are a module by their first six.
bool is_module_file(ByteView bytes);

/// Takes both forms. `name` is what messages call the input. A broken module is
/// Status::rejected with an offset into the file, one with a faulty declaration
/// VERIFICATION_FAILED. Code is not looked at here (verify() does that), except that an empty
/// program or one larger than kMaxCode is reported as INVALID_PROGRAM.
Result<Module> parse_program(ByteView bytes, const std::string& name);

/// The module as a file; equal modules give equal bytes. parse_program() reads them again where
/// find_declaration_fault() finds nothing and check_module_size() agrees.
Bytes module_bytes(const Module& module);

/// The raw code if the module declares nothing, else module_bytes().
Bytes program_bytes(const Module& module);

/// Status::rejected, about the input `name`, if no reader would take so large a file.
Result<> check_module_size(ByteView bytes, const std::string& name);

}  // namespace vfm
