#include "bpfgen/predict/report.h"

#include <fmt/core.h>

#include <algorithm>

#include "bpfgen/later_programs.h"
#include "core/base/diagnostic.h"

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

std::string longest_text(const std::optional<uint64_t>& longest) {
    return longest ? fmt::format("{} on the longest path", *longest)
                   : "no longest path: it has loops";
}

std::string instructions_text(const Prediction& prediction, size_t instructions,
                              std::optional<uint64_t> asked) {
    return fmt::format("instructions: {}, {}\nprocessed by the verifier: {}{}\n", instructions,
                       longest_text(prediction.longest_path),
                       asked ? fmt::format("{} asked, ", *asked) : "", predicted_text(prediction));
}

std::string frame_text(const Prediction& prediction) {
    return fmt::format("frame: {} bytes\n", share(prediction.stack, kMostStack));
}

std::optional<uint64_t> asked_of(const Measured& measured, size_t number) {
    if (measured.processed.empty()) return std::nullopt;
    return measured.processed[number];
}

/// Nothing if one of them is not known.
std::optional<uint64_t> sum(const std::optional<uint64_t>& a, const std::optional<uint64_t>& b) {
    return a && b ? std::optional(*a + *b) : std::nullopt;
}

/// The names of the filters in a program, as packets meet them.
std::string filters_in(const Program& program) {
    std::vector<uint32_t> units;
    for (const LineInfo& line : program.lines)
        if (std::ranges::find(units, line.unit) == units.end()) units.push_back(line.unit);
    std::string names;
    for (const uint32_t unit : units)
        names += (names.empty() ? "" : ", ") + printable(program.units[unit]);
    return names;
}

}  // namespace

std::string print_prediction(const Prediction& prediction, size_t instructions,
                             const Measured& measured) {
    return instructions_text(prediction, instructions, asked_of(measured, 0)) +
           fmt::format("maps: {}, {} bytes; {}", share(prediction.maps, kMostMaps),
                       measured.map_bytes, frame_text(prediction));
}

std::string print_predictions(const Program& program, const Measured& measured) {
    if (program.later.empty())
        return print_prediction(predict(program), program.insns.size(), measured);
    std::string text;
    std::optional<uint64_t> processed = 0, longest = 0;
    const size_t count = count_programs(program);
    for (size_t i = 0; i < count; ++i) {
        const Program one = program_at(program, i);
        const Prediction prediction = predict(one);
        text +=
            fmt::format("program {} of {}, {}: {}\n", i + 1, count, one.name, filters_in(one)) +
            instructions_text(prediction, one.insns.size(), asked_of(measured, i)) +
            fmt::format("maps: {}; {}", share(prediction.maps, kMostMaps), frame_text(prediction));
        processed = sum(processed, prediction.processed);
        longest = sum(longest, prediction.longest_path);
    }
    return text + fmt::format("all: {} instructions, {}; {}; {} maps, {} bytes\n",
                              program.insns.size(), longest_text(longest),
                              processed ? fmt::format("{} processed predicted", *processed)
                                        : "not all predicted",
                              program.maps.size() + (program.data.empty() ? 0 : 1),
                              measured.map_bytes);
}

}  // namespace vfm::bpf
