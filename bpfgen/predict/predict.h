// What the kernel's verifier will make of an emitted program, told without a kernel: how many
// instructions it goes through, how many branches it keeps for later.
#pragma once

#include <cstdint>
#include <optional>

#include "bpfgen/object.h"

namespace vfm::bpf {

/// Limits of the kernel. That of processed instructions has one value for all privileged programs.
inline constexpr uint64_t kMostProcessed = 1'000'000;
inline constexpr uint64_t kMostPending = 8192;
inline constexpr uint64_t kMostStack = 512;

struct Prediction {
    /// Instructions that the verifier of Linux 6.18 goes through, each as often as it does; nothing
    /// if the program has instructions that the model does not know. More than predict() is asked
    /// to follow: at least so many.
    std::optional<uint64_t> processed;
    uint64_t pending = 0;  ///< branches kept for later, at most at one time; 0 if not processed
    std::optional<uint64_t> longest_path;  ///< instructions executed; nothing if there are loops
    uint64_t stack = 0;                    ///< bytes of the frames of a chain of calls, at most
    uint64_t maps = 0;                     ///< that it uses; constant data is one, too
};

/// Follows every path of a program without later ones as the verifier does, behind `most`
/// instructions no further. Takes at most some tenths of a second.
Prediction predict(const Program& program, uint64_t most = kMostProcessed);

}  // namespace vfm::bpf
