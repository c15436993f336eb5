#include "userspace/capi/border.h"

#include <utility>

namespace vfm::capi {

// The numbers in the public header are those of the table.
static_assert(VFM_SUCCESS == code_of(ErrorKind::success));
static_assert(VFM_ERROR_NO_MEMORY == code_of(ErrorKind::no_memory));
static_assert(VFM_ERROR_INVALID_PROGRAM == code_of(ErrorKind::invalid_program));
static_assert(VFM_ERROR_INVALID_OPCODE == code_of(ErrorKind::invalid_opcode));
static_assert(VFM_ERROR_STACK_OVERFLOW == code_of(ErrorKind::stack_overflow));
static_assert(VFM_ERROR_STACK_UNDERFLOW == code_of(ErrorKind::stack_underflow));
static_assert(VFM_ERROR_BOUNDS == code_of(ErrorKind::bounds));
static_assert(VFM_ERROR_DIVISION_BY_ZERO == code_of(ErrorKind::division_by_zero));
static_assert(VFM_ERROR_LIMIT == code_of(ErrorKind::limit));
static_assert(VFM_ERROR_VERIFICATION_FAILED == code_of(ErrorKind::verification_failed));
static_assert(kErrorKinds == 10);

int code_of(const Failure& failure) {
    const std::string& kind = failure.diagnostics.front().kind;
    for (unsigned i = 1; i < kErrorKinds; ++i) {
        const auto candidate = static_cast<ErrorKind>(-static_cast<int>(i));
        if (kind == error_name(candidate)) return code_of(candidate);
    }
    return VFM_ERROR_INVALID_PROGRAM;
}

std::unexpected<Failure> refuse(ErrorKind kind, std::string where, std::string message) {
    Diagnostic diagnostic = Diagnostic::about(std::move(where), std::move(message));
    diagnostic.kind = error_name(kind);
    return fail(std::move(diagnostic));
}

std::string text_of(const std::vector<Diagnostic>& diagnostics) {
    std::string text = render(diagnostics);
    if (text.ends_with('\n')) text.pop_back();
    return text;
}

}  // namespace vfm::capi

/// The manual's phrases; errors.def has longer ones.
const char* vfm_error_string(int error) {
    switch (error) {
        case VFM_SUCCESS:
            return "Success";
        case VFM_ERROR_NO_MEMORY:
            return "Out of memory";
        case VFM_ERROR_INVALID_PROGRAM:
            return "Invalid program";
        case VFM_ERROR_INVALID_OPCODE:
            return "Invalid opcode";
        case VFM_ERROR_STACK_OVERFLOW:
            return "Stack overflow";
        case VFM_ERROR_STACK_UNDERFLOW:
            return "Stack underflow";
        case VFM_ERROR_BOUNDS:
            return "Packet bounds exceeded";
        case VFM_ERROR_DIVISION_BY_ZERO:
            return "Division by zero";
        case VFM_ERROR_LIMIT:
            return "Instruction limit exceeded";
        case VFM_ERROR_VERIFICATION_FAILED:
            return "Verification failed";
        default:
            return "Unknown error";
    }
}

const char* vfm_version(void) { return VFM_VERSION; }
