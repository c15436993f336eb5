// What works on this machine and what is missing for the rest. Looks only: the one thing it
// attaches it attaches in a network namespace of its own, which ends with the look.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vfm {

enum class Health : uint8_t { ok, missing, unknown };
/// "ok", "missing", "unknown"
std::string_view health_name(Health health);

struct Finding {
    std::string name;  ///< stable, for programs: "cap_bpf", "tcx"
    Health health = Health::unknown;
    std::string detail;  ///< what was found
    std::string remedy;  ///< how to get it; empty if nothing is missing
};

/// Always gives every finding: what cannot be looked at is unknown.
std::vector<Finding> examine(const std::optional<std::string>& bpffs);

}  // namespace vfm
