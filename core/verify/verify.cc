#include "core/verify/verify.h"

#include "core/verify/verifier.h"

namespace vfm {

Diagnostic Rejection::diagnostic(const std::string& name) const {
    Diagnostic result = Diagnostic::at_offset(name, offset, reason);
    result.kind = error_name(kind);
    result.mnemonic = mnemonic;
    return result;
}

std::expected<VerifiedModule, Rejection> verify(Module module) {
    return Verifier(std::move(module)).run();
}

Result<VerifiedModule> verify_named(Module module, const std::string& name) {
    auto verified = verify(std::move(module));
    if (!verified) return fail(verified.error().diagnostic(name));
    return *std::move(verified);
}

}  // namespace vfm
