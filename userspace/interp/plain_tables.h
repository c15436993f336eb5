// What IN, IN128, MATCH and VERDICT mean, read off the declarations: nothing is prepared, every
// member and row is looked at in turn.
#pragma once

#include <cstdint>

#include "core/module/module.h"

namespace vfm::plain {

/// `hi` is 0 for IN.
bool is_member(const SetDecl& set, uint64_t hi, uint64_t lo);
/// `operands` are those of MATCH as pushed: the keys in order, hi before lo, then the mask.
uint64_t match(const RuleTable& rules, const uint64_t* operands);
uint64_t verdict(const RuleTable& rules, uint64_t rule);

}  // namespace vfm::plain
