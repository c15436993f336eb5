// Packets with extension headers are rare.
#pragma once

#include <set>

#include "core/ir/form/analysis.h"

namespace vfm::bpf {

/// The values that match rules behind a walk over extension headers, where packets without any
/// match them at another place.
std::set<ir::ValueId> rare_matches(const ir::Function& function, const ir::Cfg& cfg);

}  // namespace vfm::bpf
