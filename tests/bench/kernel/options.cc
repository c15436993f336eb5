#include "tests/bench/kernel/options.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/diagnostic.h"
#include "tests/bench/options.h"

namespace vfm::bench {
namespace {

constexpr int kMostRounds = 9'999;

/// The value of `option` as a list of some of `known`, or what is wrong with it.
std::expected<std::vector<std::string>, std::string> some_of(
    std::string_view option, std::string_view value, const std::vector<std::string>& known) {
    auto parts = split_list(value);
    for (const std::string& part : parts) {
        if (std::ranges::find(known, part) != known.end()) continue;
        std::string all;
        for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
        return std::unexpected(fmt::format("{}={}: there is no '{}'; there are {}", option,
                                           printable(std::string(value)), printable(part), all));
    }
    return parts;
}

void make_quick(KernelOptions& options) {
    options.quick = true;
    options.plan = {.rounds = 2, .copies = 1, .loads = 2, .runs = {.timed = 1'024, .warm = 64}};
    options.sizes = {10};
}

/// Takes one option, or says what is wrong with it.
std::string take_option(KernelOptions& options, std::string_view name, std::string_view value) {
    if (name == "--only") {
        auto names = some_of(name, value, subject_names());
        if (!names) return names.error();
        options.only = *std::move(names);
    } else if (name == "--without") {
        const auto parts = some_of(name, value, {"curves", "beside"});
        if (!parts) return parts.error();
        for (const std::string& part : *parts)
            (part == "curves" ? options.without_curves : options.without_beside) = true;
    } else if (name == "--rounds") {
        const int rounds = whole_number(value).value_or(0);
        if (rounds < 1 || rounds > kMostRounds)
            return fmt::format("--rounds={}: needs a number from 1 to {}",
                               printable(std::string(value)), kMostRounds);
        options.plan.rounds = static_cast<unsigned>(rounds);
    } else if (name == "--cpu") {
        const auto cpu = whole_number(value);
        if (!cpu || *cpu > 65'535)
            return fmt::format("--cpu={}: needs the number of a CPU",
                               printable(std::string(value)));
        options.cpu = *cpu;
    } else {
        return fmt::format("what is '{}'?", printable(std::string(name)));
    }
    return {};
}

}  // namespace

bool KernelOptions::takes(const std::string& name) const {
    return only.empty() || std::ranges::find(only, name) != only.end();
}

std::expected<KernelOptions, std::string> parse_kernel_options(
    const std::vector<std::string>& arguments) {
    KernelOptions options;
    if (std::ranges::find(arguments, "--quick") != arguments.end()) make_quick(options);
    for (const std::string& argument : arguments) {
        if (argument == "--quick") continue;
        const size_t equals = std::min(argument.find('='), argument.size());
        const std::string value = argument.substr(std::min(equals + 1, argument.size()));
        if (const std::string wrong = take_option(options, argument.substr(0, equals), value);
            !wrong.empty())
            return std::unexpected(wrong);
    }
    return options;
}

}  // namespace vfm::bench
