// What a capture's timestamps count, in nanoseconds since 1970.
#pragma once

#include <cstdint>

namespace vfm {

/// As pcapng's if_tsresol and if_tsoffset say it.
struct CaptureClock {
    /// A tick is 10^-resolution seconds, with the top bit set 2^-(resolution without it).
    uint8_t resolution = 6;
    int64_t offset = 0;  ///< seconds to add

    /// Those of `ticks`; before 1970 it is 0, behind what 64 bits hold (in the year 2554) the most
    /// that they do.
    uint64_t nanoseconds(uint64_t ticks) const;
};

}  // namespace vfm
