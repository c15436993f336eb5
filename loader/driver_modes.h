// Which network drivers can run XDP themselves, as the kernel tells through its netlink family
// "netdev" (Linux 6.3 or newer).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vfm {

struct DriverModes {
    std::string interface;
    bool native = false;     ///< runs XDP in the driver
    bool fragments = false;  ///< takes packets of several buffers there
    bool zero_copy = false;  ///< AF_XDP without copying
};

/// Of every interface of this network namespace; nothing if the kernel does not tell.
std::optional<std::vector<DriverModes>> driver_modes();

}  // namespace vfm
