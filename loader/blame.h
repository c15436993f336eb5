// Whose fault it is that a filter does not get into the kernel. What is the filter's another engine
// may take; what is the system's says nothing of the filter.
#pragma once

#include <cstdint>

#include "loader/verifier_log.h"

namespace vfm {

enum class Blame : uint8_t {
    input,   ///< it is no valid program: no engine runs it
    filter,  ///< our back end cannot translate it, or it breaks a rule or limit of the kernel
    system,  ///< privileges, memory, what the kernel has: no other filter need fare better
};

/// Of a program that the kernel did not load. `error` is errno, `complaint` what the verifier
/// wrote. Without CAP_PERFMON (`has_perfmon`) the verifier is stricter, so that its word is not
/// held against a filter.
Blame blame_for_load(int error, const VerifierComplaint& complaint, bool has_perfmon);

}  // namespace vfm
