// The exit statuses of all tools as people read them.
#pragma once

#include <span>
#include <string_view>

#include "core/base/result.h"

namespace vfm::cli {

struct ExitStatus {
    Status status;
    std::string_view meaning;
};

/// In ascending order, one row a Status.
std::span<const ExitStatus> exit_statuses();

}  // namespace vfm::cli
