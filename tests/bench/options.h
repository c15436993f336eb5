// Command line of bench_engines.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/measure.h"

namespace vfm::bench {

struct Options {
    bool quick = false;                ///< small traces, few passes: that everything works
    std::vector<std::string> filters;  ///< these only; all if empty
    std::vector<std::string> engines;
    std::vector<std::string> traces;
    std::optional<int> cpu;
    Effort effort;

    static bool takes(const std::vector<std::string>& chosen, std::string_view name);
};

/// The parts between commas, empty ones too.
std::vector<std::string> split_list(std::string_view list);
/// A whole number from 0 on; nothing if the text is anything else.
std::optional<int> whole_number(std::string_view text);

/// The options, or what is wrong with them and what is allowed. Whether a CPU or an engine is there
/// is found out later.
std::expected<Options, std::string> parse_options(std::span<const char* const> arguments);

}  // namespace vfm::bench
