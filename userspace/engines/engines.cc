#include "userspace/engines/engines.h"

#include <algorithm>

#include "loader/test_run.h"
#include "userspace/engines/bpf_engine.h"
#include "userspace/interp/interpreter.h"

namespace vfm {
namespace {

std::string nothing() { return {}; }

constexpr EngineKind kKinds[] = {
    {"interp", "the reference interpreter", make_interpreter, nothing},
    {"bpf", "the emitted eBPF program in user space", make_bpf_engine, nothing},
    {"kernel", "the emitted eBPF program in the kernel", make_kernel_engine, kernel_engine_missing},
};

}  // namespace

std::span<const EngineKind> engine_kinds() { return kKinds; }

const EngineKind* find_engine(std::string_view name) {
    const auto* row = std::ranges::find(kKinds, name, &EngineKind::name);
    return row == std::end(kKinds) ? nullptr : row;
}

}  // namespace vfm
