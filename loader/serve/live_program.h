// A filter made ready for live traffic in user space, and what it costs there.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/verify/verify.h"
#include "userspace/flow/user_program.h"

namespace vfm {

struct LiveProgram {
    std::shared_ptr<const UserProgram> program;
    std::string engine;      ///< "jit", or "interp" where there is no native code
    std::string why_interp;  ///< why there is none, or empty
    double nanoseconds = 0;  ///< that the decision on a packet takes here, measured
};

/// Native code with bursts where this machine gives it, else the interpreter. Fails with
/// Status::refused, located, where a filter calls host functions. With `counts_last` native code
/// says which counter counted last (Counters::last()), and has no bursts.
Result<LiveProgram> make_live_program(const VerifiedModule& filter, bool counts_last = false);

}  // namespace vfm
