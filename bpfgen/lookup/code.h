// What the code of all tables is made of. Free of branches.
#pragma once

#include <cstdint>

#include "bpfgen/builder.h"

namespace vfm::bpf {

/// 1 if x, which is below 2^bits, is 0, else 0.
VReg is_zero(Builder& b, VReg x, unsigned bits);
/// With a number of any size.
VReg with_constant(Builder& b, unsigned code, VReg x, uint64_t number);
/// The lowest bits of x: below 2^bits, as the kernel's verifier sees, too.
VReg cut(Builder& b, VReg x, unsigned bits);
/// Of a table of numbers of `size` bytes; the index is bounded.
VReg element(Builder& b, uint32_t table, VReg index, unsigned size);
/// What is at `base` + an offset that an instruction may not hold.
VReg load_far(Builder& b, unsigned size, VReg base, uint64_t offset);

}  // namespace vfm::bpf
