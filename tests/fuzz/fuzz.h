// What all fuzz targets share: inputs as texts and modules, and properties that abort if broken.
#pragma once

#include <memory>
#include <string>

#include "core/base/check.h"
#include "core/base/source.h"
#include "core/ir/lift/lift.h"
#include "core/ir/passes/passes.h"
#include "core/verify/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace vfm::fuzz {

inline std::shared_ptr<const SourceFile> text(const char* name, const uint8_t* data, size_t size) {
    return std::make_shared<const SourceFile>(
        name, std::string(reinterpret_cast<const char*>(data), size));
}

/// Messages can be shown, and a failure has at least one.
inline void check_messages(const Failure& failure) {
    VFM_CHECK(!failure.diagnostics.empty(), "a failure says why");
    VFM_CHECK(!render(failure.diagnostics).empty(), "a message has a text");
    VFM_CHECK(failure.status == Status::rejected, "bad input is rejected, nothing else");
}

/// Whatever verifies can be lifted and improved without breaking the IR.
inline void check_ir(const VerifiedModule& program) {
    auto function = ir::lift(program);
    if (!function) return;
    VFM_CHECK(ir::check(*function).empty(), "lifted code is well-formed");
    ir::optimise(*function);
    VFM_CHECK(ir::check(*function).empty(), "passes keep it well-formed");
}

}  // namespace vfm::fuzz
