// What the parts of vfm-test's report share.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/run/counters.h"

namespace vfm {

using Json = nlohmann::ordered_json;

/// Names come from files: what is no UTF-8 is replaced, never an exception.
std::string line_of(const Json& json);

/// A source line without its indentation, cut to a width that leaves it on the line.
std::string line_text(std::string_view line);

/// A counter and what it counts. Points into the module.
struct RuleCount {
    const CounterGroup* group = nullptr;
    size_t rule = 0;  ///< number of the counter
    Count count = {};

    const CounterPlace& place() const { return group->counters[rule]; }
};
/// Every counter, group after group; 0 where `counters` has none.
std::vector<RuleCount> rule_counts(const Module& module,
                                   const std::vector<std::vector<Count>>& counters);
Json rule_json(const RuleCount& rule);

}  // namespace vfm
