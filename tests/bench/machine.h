// What the figures were taken on.
#pragma once

#include <nlohmann/json.hpp>

namespace vfm::bench {

/// CPU, caches, kernel, number of CPUs, the extensions that engines may use.
nlohmann::ordered_json describe_machine();

}  // namespace vfm::bench
