// Whether it worked. What was wrong is in the diagnostics; how that is shown is render()'s work.
#pragma once

#include <expected>
#include <utility>
#include <vector>

#include "core/base/diagnostic.h"

namespace vfm {

/// Exit status of the tools, and the class of a failure inside the library.
enum class Status : int {
    done = 0,
    rejected = 1,  ///< a bad or missing program or packet file
    usage = 2,     ///< unknown verb, option or option value, missing argument
    refused = 3,   ///< the system or the kernel said no
    disagree = 4,  ///< engines differ
    bug = 5,       ///< our own mistake
};

/// Why an operation did not give its value: never without a diagnostic.
struct Failure {
    Status status = Status::rejected;
    std::vector<Diagnostic> diagnostics;

    Failure() = default;
    Failure(Status s, Diagnostic d) : status(s) { diagnostics.push_back(std::move(d)); }
    Failure(Status s, std::vector<Diagnostic> d) : status(s), diagnostics(std::move(d)) {}
};

template <class T = void>
using Result = std::expected<T, Failure>;

/// `return fail(...)` from a function that returns Result.
inline std::unexpected<Failure> fail(Diagnostic d, Status status = Status::rejected) {
    return std::unexpected(Failure(status, std::move(d)));
}
inline std::unexpected<Failure> fail(std::vector<Diagnostic> d, Status status = Status::rejected) {
    return std::unexpected(Failure(status, std::move(d)));
}

}  // namespace vfm

/// The value of a Result, or the enclosing function returns its failure:
/// `const auto bytes = TRY(read_file(path));`
#define TRY(expression)                                                           \
    ({                                                                            \
        auto try_result_ = (expression);                                          \
        if (!try_result_) return std::unexpected(std::move(try_result_).error()); \
        *std::move(try_result_);                                                  \
    })
