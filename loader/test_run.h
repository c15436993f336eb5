// The engine `kernel`: the emitted program in the kernel, run by BPF_PROG_TEST_RUN.
#pragma once

#include <memory>
#include <string>

#include "bpfgen/object.h"
#include "core/base/result.h"
#include "core/run/engine.h"
#include "core/verify/verify.h"

namespace vfm {

/// Loads the test build of the program with empty flow tables. Fails with Status::refused if the
/// back end cannot translate it, if it reads the clock or random numbers (nobody could compare
/// those), or if the kernel rejects it; the diagnostics stand at the source line. Packets that the
/// kernel's test run does not take (XDP: below 14 bytes, tc: below about 60 and beyond about 3,700)
/// are skipped.
Result<std::unique_ptr<Engine>> make_kernel_engine(const VerifiedModule& program);
Result<std::unique_ptr<Engine>> make_kernel_engine_at(const VerifiedModule& program,
                                                      bpf::Hook hook);

/// Why this machine cannot run the engine ("needs CAP_BPF"), or empty. Tried once a process.
std::string kernel_engine_missing();

}  // namespace vfm
