// Where a program loops.
#pragma once

#include <cstdint>

#include "core/verify/verify.h"

namespace vfm::bpf {

/// Code offset of an instruction that leads back into a cycle; the program has one.
uint32_t find_loop(const VerifiedModule& program);

}  // namespace vfm::bpf
