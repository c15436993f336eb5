// A verified program as machine code of this CPU: immutable, shared by any number of threads, each
// with a RunState of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/ir/ir.h"
#include "core/verify/verify.h"
#include "userspace/jit/burst/batch_variant.h"
#include "userspace/jit/code_memory.h"
#include "userspace/jit/code_notes.h"
#include "userspace/jit/cpu.h"
#include "userspace/jit/run_state.h"

namespace vfm::jit {

class BatchCode;

/// From this byte of the machine code on, up to the next entry, it came from the instruction of the
/// bytecode at `bytecode_offset`.
struct NativeLine {
    uint32_t code_offset = 0;
    uint32_t bytecode_offset = 0;
    bool operator==(const NativeLine&) const = default;
};

/// How a program is compiled. What is not asked for costs no compile time.
struct CompileOptions {
    bool lines = false;          ///< NativeProgram::lines() and notes() are filled
    bool profiling = false;      ///< tell `perf` and GDB of the code, as VFM_PROFILE does
    uint64_t register_seed = 0;  ///< for tests: another choice of registers for each number but 0
    const Cpu* cpu = nullptr;    ///< for tests: code for a CPU with less than this one
    BatchVariant bursts = BatchVariant::best;  ///< for tests: what runs bursts
};

class DebugRegistration;

class NativeProgram {
  public:
    /// Compiles. Status::refused, located where there is a place, if the back end cannot translate
    /// the program, or the machine does not run or allow generated code. Any thread.
    static Result<std::shared_ptr<const NativeProgram>> compile(const VerifiedModule& program,
                                                                const CompileOptions& options = {});
    /// The same from IR of the program that passes of the caller's choice have gone over.
    static Result<std::shared_ptr<const NativeProgram>> compile(const VerifiedModule& program,
                                                                const ir::Function& function,
                                                                const CompileOptions& options);
    /// Why this machine cannot run generated code, or empty.
    static std::string missing();

    NativeProgram(const NativeProgram&) = delete;
    NativeProgram& operator=(const NativeProgram&) = delete;
    ~NativeProgram();

    /// The code. Valid as long as this object.
    NativeFunction function() const { return function_; }
    const VerifiedModule& program() const { return program_; }
    /// The code for bursts, compiled by the first call. Any thread.
    const BatchCode& batch() const;
    /// The machine code and the constants behind it.
    ByteView code() const { return memory_.bytes(); }
    /// Bytes of code() that are instructions.
    uint32_t instruction_bytes() const { return instruction_bytes_; }
    /// Ascending by code offset; empty unless asked for.
    std::span<const NativeLine> lines() const { return lines_; }
    std::span<const NativeNote> notes() const { return notes_; }

  private:
    NativeProgram(VerifiedModule program, CodeMemory memory);
    void tell_profilers();

    VerifiedModule program_;
    CodeMemory memory_;
    NativeFunction function_ = nullptr;
    uint32_t instruction_bytes_ = 0;
    std::vector<NativeLine> lines_;
    std::vector<NativeNote> notes_;
    std::unique_ptr<DebugRegistration> debug_;  // gone before the code is
    BatchVariant bursts_ = BatchVariant::best;
    mutable std::once_flag batch_once_;
    mutable std::shared_ptr<const BatchCode> batch_;
};

}  // namespace vfm::jit
