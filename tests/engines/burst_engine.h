// The engine `jit` as bursts run it.
#pragma once

#include <memory>
#include <string_view>

#include "core/base/result.h"
#include "core/run/program.h"
#include "core/verify/verify.h"
#include "userspace/jit/burst/burst_variant.h"

namespace vfm::test {

/// Names of such engines begin so; suites that have many packets give them all of them at once.
inline constexpr std::string_view kBurstEngine = "batch";

/// run_batch() cuts what it is given into bursts of odd lengths, the same for the same program.
/// run() puts the packet, if its neighbours cannot change what it gives, at some place of a burst.
Result<std::shared_ptr<const Program>> burst_program(const VerifiedModule& program,
                                                     jit::BurstVariant variant);

}  // namespace vfm::test
