#include "userspace/engines/engines.h"

#include <algorithm>

#include "loader/test_run.h"
#include "userspace/engines/bpf_engine.h"
#include "userspace/interp/interpreter.h"
#include "userspace/jit/engine.h"

namespace vfm {
namespace {

std::string nothing() { return {}; }

// An emitted program calls no host functions: CALL is refused there.
Result<std::unique_ptr<Engine>> load_bpf(const VerifiedModule& program,
                                         const EngineOptions& /*options*/) {
    return make_bpf_engine(program);
}

Result<std::unique_ptr<Engine>> load_jit(const VerifiedModule& program,
                                         const EngineOptions& options) {
    return make_jit_engine(program, options);
}

Result<std::unique_ptr<Engine>> load_kernel(const VerifiedModule& program,
                                            const EngineOptions& /*options*/) {
    return make_kernel_engine(program);
}

constexpr EngineKind kKinds[] = {
    {"interp", "the reference interpreter", false, make_interpreter, nothing},
    {"jit", "native code for this CPU", true, load_jit, jit::NativeProgram::missing},
    {"bpf", "the emitted eBPF program in user space", false, load_bpf, nothing},
    {"kernel", "the emitted eBPF program in the kernel", false, load_kernel, kernel_engine_missing},
};

}  // namespace

std::span<const EngineKind> engine_kinds() { return kKinds; }

const EngineKind* find_engine(std::string_view name) {
    const auto* row = std::ranges::find(kKinds, name, &EngineKind::name);
    return row == std::end(kKinds) ? nullptr : row;
}

}  // namespace vfm
