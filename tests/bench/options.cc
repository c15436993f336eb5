#include "tests/bench/options.h"

#include <algorithm>
#include <charconv>

#include "tests/bench/filters.h"
#include "tests/bench/traces.h"

namespace vfm::bench {
namespace {

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    while (!list.empty()) {
        const size_t comma = std::min(list.find(','), list.size());
        parts.emplace_back(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return parts;
}

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0) return {};
    return value;
}

template <class Known>
std::string unknown_of(const std::vector<std::string>& chosen, Known&& known) {
    const auto bad = std::ranges::find_if_not(chosen, known);
    return bad == chosen.end() ? std::string() : *bad;
}

}  // namespace

bool Options::takes(const std::vector<std::string>& chosen, std::string_view name) {
    return chosen.empty() || std::ranges::find(chosen, name) != chosen.end();
}

std::expected<Options, std::string> parse_options(std::span<const char* const> arguments) {
    Options options;
    std::optional<unsigned> passes;
    for (size_t i = 0; i < arguments.size(); ++i) {
        std::string_view name = arguments[i];
        if (name == "--quick") {
            options.quick = true;
            continue;
        }
        std::string_view value;
        if (const size_t equals = name.find('='); equals != name.npos) {
            value = name.substr(equals + 1);
            name = name.substr(0, equals);
        } else if (++i < arguments.size()) {
            value = arguments[i];
        }
        if (value.empty()) return std::unexpected(std::string(name) + " needs a value");
        if (name == "--filter") {
            options.filters = split(value);
        } else if (name == "--engine") {
            options.engines = split(value);
        } else if (name == "--trace") {
            options.traces = split(value);
        } else if (name == "--cpu" && number(value)) {
            options.cpu = number(value);
        } else if (name == "--passes" && number(value).value_or(0) > 0) {
            passes = static_cast<unsigned>(*number(value));
        } else {
            return std::unexpected("what is '" + std::string(name) + " " + std::string(value) +
                                   "'");
        }
    }
    const auto bad_filter = unknown_of(options.filters, [](const std::string& name) {
        return std::ranges::find(filters(), name, &BenchFilter::name) != filters().end();
    });
    if (!bad_filter.empty()) return std::unexpected("there is no filter '" + bad_filter + "'");
    const auto bad_trace = unknown_of(options.traces, [](const std::string& name) {
        return std::ranges::find(trace_names(), name) != trace_names().end();
    });
    if (!bad_trace.empty()) return std::unexpected("there is no trace '" + bad_trace + "'");
    if (options.quick) options.effort = {.passes = 2, .pass_ms = 0.05, .compile_ms = 0.5};
    if (passes) options.effort.passes = *passes;
    return options;
}

}  // namespace vfm::bench
