// The engine `jit`: a verified program as machine code of this CPU. Immutable, shared by any number
// of threads, each with an instance (or a RunState) of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/ir/form/ir.h"
#include "core/verify/verify.h"
#include "userspace/flow/user_program.h"
#include "userspace/jit/burst/burst_variant.h"
#include "userspace/jit/runtime/code_notes.h"
#include "userspace/jit/runtime/run_state.h"
#include "userspace/jit/x64/cpu.h"
#include "userspace/jit/x64/function_code.h"

namespace vfm::jit {

class BurstCode;

/// How a program is compiled. What is not asked for costs no compile time.
struct CompileOptions {
    bool lines = false;          ///< NativeProgram::lines() and notes() are filled
    bool profiling = false;      ///< tell `perf` and GDB of the code, as VFM_PROFILE does
    uint64_t register_seed = 0;  ///< for tests: another choice of registers for each number but 0
    const Cpu* cpu = nullptr;    ///< for tests: code for a CPU with less than this one
    bool counts_last = false;    ///< Counters::last() is wanted, of run(): not with bursts
    /// Code for bursts of packets is wanted; tests name which. Without it run_batch() runs one
    /// packet after the other.
    std::optional<BurstVariant> bursts = {};
};

class NativeProgram final : public UserProgram {
  public:
    /// Compiles, from one lift and one optimised IR whatever is asked for. Status::refused, located
    /// where there is a place, if the back end cannot translate the program, or the machine does
    /// not run or allow generated code. Any thread.
    static Result<std::shared_ptr<const NativeProgram>> compile(const VerifiedModule& program,
                                                                const CompileOptions& options = {});
    /// The same from IR of the program that passes of the caller's choice have gone over.
    static Result<std::shared_ptr<const NativeProgram>> compile(const VerifiedModule& program,
                                                                const ir::Function& function,
                                                                const CompileOptions& options);
    /// Why this machine cannot run generated code, or empty.
    static std::string missing();

    ~NativeProgram() override;

    std::string_view name() const override { return "jit"; }
    /// The code. Valid as long as this object.
    NativeFunction function() const { return code_.function; }
    /// The code for bursts; null unless asked for.
    const BurstCode* bursts() const { return bursts_.get(); }
    /// The machine code and the constants behind it.
    ByteView code() const { return code_.memory.bytes(); }
    /// Bytes of code() that are instructions.
    uint32_t instruction_bytes() const { return code_.instruction_bytes; }
    /// Ascending by code offset; empty unless asked for.
    std::span<const NativeLine> lines() const { return code_.lines; }
    std::span<const NativeNote> notes() const { return code_.notes; }

  private:
    NativeProgram(VerifiedModule program, FunctionCode code);
    Result<std::unique_ptr<Instance>> make_instance_on(
        std::shared_ptr<FlowTables> tables, const InstanceOptions& options) const override;

    FunctionCode code_;
    std::unique_ptr<const BurstCode> bursts_;
};

}  // namespace vfm::jit
