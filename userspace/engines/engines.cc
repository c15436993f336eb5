#include "userspace/engines/engines.h"

#include <algorithm>

#include "userspace/interp/interpreter.h"

namespace vfm {
namespace {

std::string nothing() { return {}; }

constexpr EngineKind kKinds[] = {
    {"interp", "the reference interpreter", make_interpreter, nothing},
};

}  // namespace

std::span<const EngineKind> engine_kinds() { return kKinds; }

const EngineKind* find_engine(std::string_view name) {
    const auto* row = std::ranges::find(kKinds, name, &EngineKind::name);
    return row == std::end(kKinds) ? nullptr : row;
}

}  // namespace vfm
