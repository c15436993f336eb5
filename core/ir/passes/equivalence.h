// Whether two values, edges or ways to end a run come to the same.
#pragma once

#include "core/ir/form/ir.h"

namespace vfm::ir {

/// True if both are the same number whenever both are made: the same value, equal constants, or the
/// same operation of such. Looks a few operations deep.
bool same_value(const Function& function, ValueId a, ValueId b, unsigned depth = 4);

/// True if both lead to the same block with arguments that are the same.
bool same_edge(const Function& function, const Edge& a, const Edge& b);

/// True if that holds or both only end the run, with the same number or error.
bool same_outcome(const Function& function, const Edge& a, const Edge& b);

}  // namespace vfm::ir
