// Values that the kernel's verifier would follow: each test against a bound tells it where between
// bounds the value lies, and of a later test that this decides it notes that it must know the
// value. Where ways meet, it then has as many states as there are ranges, for each such value, and
// all their combinations. Tests of such a value are made on a copy, of which nothing is noted.
#pragma once

#include <vector>

#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// By value. None where few ways meet: there a test of the value itself is cheaper.
std::vector<bool> find_followed_values(const ir::Function& function);

}  // namespace vfm::bpf
