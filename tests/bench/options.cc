#include "tests/bench/options.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "core/base/diagnostic.h"
#include "tests/bench/names.h"

namespace vfm::bench {
std::vector<std::string> split_list(std::string_view list) {
    std::vector<std::string> parts;
    for (size_t comma; (comma = list.find(',')) != list.npos; list.remove_prefix(comma + 1))
        parts.emplace_back(list.substr(0, comma));
    parts.emplace_back(list);
    return parts;
}

std::optional<int> whole_number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0) return {};
    return value;
}

namespace {

constexpr int kMostPasses = 9999;

/// Why `list`, the value of `option`, is none of names, or nothing.
std::optional<std::string> wrong_list(std::string_view option, std::string_view list,
                                      std::string_view noun, std::span<const Name> names) {
    for (const std::string& name : split_list(list))
        if (!is_name(names, name))
            return fmt::format("{}={}: there is no {} '{}'; there are {}", option, printable(list),
                               noun, printable(name), list_of(names));
    return {};
}

/// Takes one option, or says what is wrong with it.
std::optional<std::string> take(Options& options, std::string_view name, std::string_view value) {
    if (name == "--filter") {
        options.filters = split_list(value);
        return wrong_list(name, value, "filter", filter_names());
    }
    if (name == "--engine") {
        options.engines = split_list(value);
        return wrong_list(name, value, "engine", engine_names());
    }
    if (name == "--trace") {
        options.traces = split_list(value);
        return wrong_list(name, value, "trace", trace_names());
    }
    if (name == "--cpu") {
        options.cpu = whole_number(value);
        if (options.cpu) return {};
        return fmt::format("--cpu={}: needs the number of a CPU", printable(value));
    }
    if (name == "--passes") {
        const int passes = whole_number(value).value_or(0);
        options.effort.passes = static_cast<unsigned>(passes);
        if (passes >= 1 && passes <= kMostPasses) return {};
        return fmt::format("--passes={}: needs a number from 1 to {}", printable(value),
                           kMostPasses);
    }
    return fmt::format("what is '{}'?", printable(name));
}

}  // namespace

bool Options::takes(const std::vector<std::string>& chosen, std::string_view name) {
    return chosen.empty() || std::ranges::find(chosen, name) != chosen.end();
}

std::expected<Options, std::string> parse_options(std::span<const char* const> arguments) {
    Options options;
    if (std::ranges::find(arguments, std::string_view("--quick")) != arguments.end()) {
        options.quick = true;
        options.effort = {.passes = 2, .pass_ms = 0.05, .compile_ms = 0.5};
    }
    for (size_t i = 0; i < arguments.size(); ++i) {
        std::string_view name = arguments[i], value;
        if (name == "--quick") continue;
        if (const size_t equals = name.find('='); equals != name.npos) {
            value = name.substr(equals + 1);
            name = name.substr(0, equals);
        } else if (++i < arguments.size()) {
            value = arguments[i];
        }
        if (auto wrong = take(options, name, value)) return std::unexpected(*std::move(wrong));
    }
    return options;
}

}  // namespace vfm::bench
