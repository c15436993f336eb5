#include "userspace/engines/engines.h"

#include <algorithm>

#include "loader/test_run.h"
#include "userspace/engines/bpf_engine.h"
#include "userspace/interp/interpreter.h"
#include "userspace/interp/stepped_program.h"
#include "userspace/jit/native_program.h"

namespace vfm {
namespace {

std::string nothing() { return {}; }

using Compiled = Result<std::shared_ptr<const Program>>;

Compiled compile_steps(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    return stepped_program(program);
}

Compiled compile_interp(const VerifiedModule& program, const ProgramOptions& options) {
    return interpreter_program(program, options);
}

Compiled compile_jit(const VerifiedModule& program, const ProgramOptions& options) {
    jit::CompileOptions compile;
    if (options.bursts) compile.bursts = jit::BurstVariant::best;
    return jit::NativeProgram::compile(program, compile);
}

Compiled compile_bpf(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    return bpf_program(program, {.frames = bpf::Frames::linear});
}

Compiled compile_kernel(const VerifiedModule& program, const ProgramOptions& /*options*/) {
    return kernel_program(program);
}

constexpr EngineKind kKinds[] = {
    {"steps", "the bytecode, one instruction at a time", false, false, compile_steps, nothing},
    {"interp", "the reference interpreter", true, false, compile_interp, nothing},
    {"jit", "native code for this CPU", true, true, compile_jit, jit::NativeProgram::missing},
    {"bpf", "the emitted eBPF program in user space", true, false, compile_bpf, nothing},
    {"kernel", "the emitted eBPF program in the kernel", true, false, compile_kernel,
     kernel_engine_missing},
};

}  // namespace

std::span<const EngineKind> engine_kinds() { return kKinds; }

const EngineKind* find_engine(std::string_view name) {
    const auto* row = std::ranges::find(kKinds, name, &EngineKind::name);
    return row == std::end(kKinds) ? nullptr : row;
}

}  // namespace vfm
