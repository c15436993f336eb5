#include "loader/serve/hand_over_way.h"

#include <fmt/core.h>
#include <sys/utsname.h>

#include <cstdio>

#include "loader/kernel.h"
#include "userspace/live/socket.h"

namespace vfm {
namespace {

constexpr uint32_t kTagAndEthernet = 22;  // of a frame beside its MTU

bool kernel_is_at_least(int major, int minor) {
    utsname name{};
    int is_major = 0, is_minor = 0;
    if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &is_major, &is_minor) != 2)
        return false;
    return is_major != major ? is_major > major : is_minor >= minor;
}

}  // namespace

bool hands_over_long_frames() { return kernel_is_at_least(6, 6); }

Result<std::vector<HandOverWay>> hand_over_ways(const Interface& interface,
                                                const InterfaceState& state,
                                                const HandOverOptions& options) {
    const bool multi_buffer = hands_over_long_frames();
    if (!multi_buffer && state.mtu + kTagAndEthernet > live::Socket::kChunk)
        return refuse(interface.name,
                      fmt::format("its MTU is {}: before Linux 6.6 a frame for user space has {} "
                                  "bytes at most",
                                  state.mtu, live::Socket::kChunk),
                      "`ip link set dev " + interface.name + " mtu 3500`");
    std::vector<HandOverWay> ways;
    if (options.mode != Mode::skb) ways.push_back({Mode::native, multi_buffer, false});
    if (options.mode != Mode::native) ways.push_back({Mode::skb, multi_buffer, false});
    return ways;
}

}  // namespace vfm
