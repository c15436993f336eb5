// The control flow of a program as a drawing.
#pragma once

#include <string>

#include "core/verify/verify.h"

namespace vfm {

/// A Graphviz digraph: one node a basic block with its instructions, an edge for each way out of it
/// ("jump" where a branch is taken, "next" where not).
std::string control_flow_dot(const VerifiedModule& program);

}  // namespace vfm
