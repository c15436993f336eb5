// The border between C++ and C: a failure becomes an error code and a message, and nothing that is
// thrown crosses it.
#pragma once

#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/isa/error_kind.h"
#include "userspace/capi/vfm.h"

namespace vfm::capi {

/// The C API's number of a kind.
constexpr int code_of(ErrorKind kind) { return static_cast<int>(kind); }

/// The error code of a failure: that of the kind which its first diagnostic names,
/// VFM_ERROR_INVALID_PROGRAM where it names none.
int code_of(const Failure& failure);

/// A failure of the call or thing called `where`.
std::unexpected<Failure> refuse(ErrorKind kind, std::string where, std::string message);

/// Diagnostics as text without its last newline; "" for none.
std::string text_of(const std::vector<Diagnostic>& diagnostics);
inline std::string text_of(const Failure& failure) { return text_of(failure.diagnostics); }

/// Runs `body`, which gives an error code. All that the library throws is for want of memory: no
/// function of ours throws by itself, and what the standard library throws beside bad_alloc says
/// that a size is beyond what can be had.
template <class Body>
int guarded(Body&& body) noexcept {
    try {
        return body();
    } catch (...) {
        return VFM_ERROR_NO_MEMORY;
    }
}

}  // namespace vfm::capi
