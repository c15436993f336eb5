// A filter that is going to be attached is looked at for ways past it.
#pragma once

#include <vector>

#include "core/front/front.h"

namespace vfm {

/// What lint finds in the filter, as warnings: it is the author's business, and ends nothing. A
/// filter that lint cannot look at, bytecode, is attached without.
std::vector<Diagnostic> lint_warnings(const Filter& filter);

}  // namespace vfm
