// The numbers of the machine that are fixed by version 1 of the instruction set.
#pragma once

#include <cstdint>

namespace vfm {

inline constexpr uint32_t kMaxStack = 256;               ///< values on the stack
inline constexpr uint32_t kMaxCode = 65536;              ///< bytes of code
inline constexpr uint32_t kMaxPacket = 65535;            ///< bytes of a packet that a program sees
inline constexpr uint32_t kMaxStates = 65536;            ///< (offset, depth) states of a program
inline constexpr uint64_t kDefaultFuel = 10000;          ///< instructions a run may take
inline constexpr uint64_t kMaxFuel = uint64_t{1} << 32;  ///< whatever a module says
inline constexpr uint32_t kMaxTables = 64;               ///< flow tables of a module
inline constexpr uint32_t kDefaultCapacity = 65536;  ///< entries of a table that says nothing else
inline constexpr uint32_t kMaxCallArguments = 5;
inline constexpr uint32_t kMaxKeyWords = 8;  ///< words of a flow table's key

}  // namespace vfm
