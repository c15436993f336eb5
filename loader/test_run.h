// The engine `kernel`: the emitted program in the kernel, run by BPF_PROG_TEST_RUN.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "bpfgen/object.h"
#include "core/base/result.h"
#include "core/run/program.h"
#include "core/verify/verify.h"

namespace vfm {

/// The test build of the program, its loops in the form that suits the kernel or in the one given.
/// Each instance loads it into the kernel, with maps of its own. Status::refused if the back end
/// cannot translate it or if it reads the clock or random numbers (nobody could compare those), and
/// from instantiate() if the kernel rejects it; the diagnostics stand at the source line. Packets
/// that the kernel's test run does not take (XDP: below 14 bytes, tc: below about 60 and beyond
/// about 3,700, as at XDP with linear frames) are skipped.
Result<std::shared_ptr<const Program>> kernel_program(const VerifiedModule& program,
                                                      bpf::Hook hook = bpf::Hook::xdp,
                                                      bpf::Frames frames = bpf::Frames::any,
                                                      std::optional<bpf::LoopForm> loops = {});

/// Why this machine cannot run the engine ("needs CAP_BPF"), or empty. Tried once a process.
std::string kernel_engine_missing();

}  // namespace vfm
