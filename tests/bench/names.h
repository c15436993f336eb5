// The names that filters, engines and traces have on the command line and in the report.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vfm::bench {

struct Name {
    std::string_view name;
    std::string_view what;  ///< one phrase
};

std::span<const Name> filter_names();
/// Whatever this build or this machine has of them.
std::span<const Name> engine_names();
std::span<const Name> trace_names();

bool is_name(std::span<const Name> names, std::string_view name);
/// The phrase for a name that is in the table.
std::string what_is(std::span<const Name> names, std::string_view name);
/// "F1, F2, F3"
std::string list_of(std::span<const Name> names);

}  // namespace vfm::bench
