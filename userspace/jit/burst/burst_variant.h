// Which code runs bursts of packets.
#pragma once

#include <cstdint>

namespace vfm::jit {

/// Tests name one; a variant that the CPU or the program does not allow is the next one in this
/// list that they do.
enum class BurstVariant : uint8_t { best, avx512, avx2, scalar };

}  // namespace vfm::jit
