#include "bpfgen/predict/report.h"

#include <fmt/core.h>

namespace vfm::bpf {
namespace {

/// "12 of 64 (18.8 %)"
std::string share(uint64_t part, uint64_t limit) {
    return fmt::format("{} of {} ({:.1f} %)", part, limit,
                       100.0 * static_cast<double>(part) / static_cast<double>(limit));
}

std::string predicted_text(const Prediction& prediction) {
    if (!prediction.processed) return "not predicted: it has instructions that the model lacks";
    if (*prediction.processed > kMostProcessed)
        return fmt::format("predicted more than {}, which it refuses", kMostProcessed);
    return fmt::format("predicted {}, branches pending at most {}",
                       share(*prediction.processed, kMostProcessed),
                       share(prediction.pending, kMostPending));
}

}  // namespace

std::string print_prediction(const Prediction& prediction, const Measured& measured) {
    std::string text = fmt::format("instructions: {}, ", measured.instructions);
    text += prediction.longest_path
                ? fmt::format("{} on the longest path\n", *prediction.longest_path)
                : "no longest path: it has loops\n";
    text += "processed by the verifier: ";
    if (measured.processed) text += fmt::format("{} asked, ", *measured.processed);
    text += predicted_text(prediction) + '\n';
    text += fmt::format("maps: {}, {} bytes; frame: {} bytes\n", share(prediction.maps, kMostMaps),
                        measured.map_bytes, share(prediction.stack, kMostStack));
    return text;
}

}  // namespace vfm::bpf
