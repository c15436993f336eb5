// One function of the IR as machine code: planned, its registers chosen, emitted and placed in
// executable memory.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/ir/form/ir.h"
#include "core/verify/verify.h"
#include "userspace/jit/runtime/code_memory.h"
#include "userspace/jit/runtime/code_notes.h"
#include "userspace/jit/runtime/debug_info.h"
#include "userspace/jit/runtime/run_state.h"
#include "userspace/jit/x64/cpu.h"

namespace vfm::jit {

/// How a function is compiled. What is not asked for costs no compile time.
struct FunctionOptions {
    bool lines = false;          ///< FunctionCode::lines and notes are filled
    bool profiling = false;      ///< tell `perf` and GDB of the code, as VFM_PROFILE does
    uint64_t register_seed = 0;  ///< for tests: another choice of registers for each number but 0
    const Cpu* cpu = nullptr;    ///< for tests: code for a CPU with less than this one
    bool counts_last = false;    ///< COUNT says which counter it was: RunState::counted_last
};

struct FunctionCode {
    CodeMemory memory;  ///< the instructions and the constants behind them
    NativeFunction function = nullptr;
    uint32_t instruction_bytes = 0;      ///< of memory.bytes()
    std::vector<NativeLine> lines = {};  ///< ascending by code offset
    std::vector<NativeNote> notes = {};
    std::unique_ptr<DebugRegistration> debug = {};  ///< gone before the code is
};

/// A failure that says why native code does not take a program, Status::refused.
std::unexpected<Failure> refused_by_native_code(const VerifiedModule& program, std::string why);

/// `function` was made of `program`. Status::refused if it cannot be translated or the machine does
/// not allow generated code. Any thread.
Result<FunctionCode> compile_function(const VerifiedModule& program, const ir::Function& function,
                                      const FunctionOptions& options);

}  // namespace vfm::jit
