// What is measured in the kernel: F1 to F9 and the ten filters of the cookbook with a twin, H1 to
// H10, each as our compiler and as a C programmer writes it.
#pragma once

#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/verify/verify.h"
#include "tests/bench/kernel/wrapper.h"
#include "tests/twins/kernel_twin.h"

namespace vfm::bench {

struct Subject {
    std::string name;  ///< "F1", "H10"
    std::string what;  ///< one phrase
    VerifiedModule program;
    twins::Twin twin;  ///< of F1 to F9, too
    /// BENCH_HEADERS heads of BENCH_HEADER_BYTES each: F1 to F9 the internet mix; H1 to H10 that
    /// and, as often, the packets that the cookbook tries the filter with.
    std::vector<Bytes> heads;
};

/// "F1" to "F9", "H1" to "H10".
std::vector<std::string> subject_names();

/// Fails where a filter cannot be read. A name that does not exist is a mistake of the caller's.
Result<Subject> make_subject(const std::string& name);

/// The twins of F1 to F9.
const std::vector<twins::Twin>& filter_twins();

}  // namespace vfm::bench
