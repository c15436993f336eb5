// A prediction as people read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bpfgen/predict/predict.h"

namespace vfm::bpf {

/// Beside the prediction what is known otherwise.
struct Measured {
    uint64_t instructions = 0;          ///< of the emitted program
    uint64_t map_bytes = 0;             ///< memory of its maps
    std::optional<uint64_t> processed;  ///< what the kernel says that it went through
};

/// Three lines: instructions, what the verifier does, maps and frame, each with its share of the
/// kernel's limit.
std::string print_prediction(const Prediction& prediction, const Measured& measured);

}  // namespace vfm::bpf
