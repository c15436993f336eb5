// A prediction as people read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpfgen/predict/predict.h"

namespace vfm::bpf {

/// Beside the prediction what is known otherwise.
struct Measured {
    uint64_t map_bytes = 0;  ///< memory of the maps
    /// What the kernel says that it went through, of each program; empty if it does not tell.
    std::vector<uint64_t> processed = {};
};

/// Of one program three lines: instructions, what the verifier does, maps and frame, each with its
/// share of the kernel's limit.
std::string print_prediction(const Prediction& prediction, size_t instructions,
                             const Measured& measured);

/// Follows it. Where there are several programs the lines of each stand behind one with its name
/// and its filters, and then come the sums.
std::string print_predictions(const Program& program, const Measured& measured);

}  // namespace vfm::bpf
