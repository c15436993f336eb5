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

struct KernelEngineOptions {
    bpf::Hook hook = bpf::Hook::xdp;
    bpf::Frames frames = bpf::Frames::any;
    std::optional<bpf::LoopForm> loops = {};  ///< else the form that suits the kernel
    /// NOW is the packet's time, RAND the sequence of user space.
    bool fixed_inputs = false;
};

/// The test build of the program. Each instance loads it into the kernel, with maps of its own.
/// Status::refused if the back end cannot translate it or if it reads the clock or random numbers
/// and they are not fixed (nobody could compare those), and
/// from instantiate() if the kernel rejects it; the diagnostics stand at the source line. Packets
/// that the kernel's test run does not take (XDP: below 14 bytes, tc: below about 60 and beyond
/// about 3,700, as at XDP with linear frames) are skipped.
Result<std::shared_ptr<const Program>> kernel_program(const VerifiedModule& program,
                                                      const KernelEngineOptions& options = {});

/// Why this machine cannot run the engine ("needs CAP_BPF"), or empty. Tried once a process.
std::string kernel_engine_missing();

}  // namespace vfm
