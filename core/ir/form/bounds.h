// How great values can be, as far as their operations tell.
#pragma once

#include <span>

#include "core/ir/form/analysis.h"
#include "core/ir/form/ir.h"

namespace vfm::ir {

/// The greatest number that an operation can make, given that of each of its operands.
uint64_t upper_bound(const Function& function, const Value& value,
                     std::span<const uint64_t> bounds);
/// The same, given these bounds of the operands. A number's bound is the number.
uint64_t upper_bound(const Function& function, const Value& value, uint64_t a, uint64_t b);
/// The result of an operation is less than 2 to this number, given the same of its operands. 64 for
/// parameters, whose edges decide.
unsigned result_bits(const Function& function, const Value& value, unsigned a, unsigned b);
/// The greatest number that each value can be, as far as its operation and operands tell.
void upper_bounds(const Function& function, const Cfg& cfg, std::span<uint64_t> bounds);

}  // namespace vfm::ir
