// What happens to the interface of a filter that is served: the kernel tells it by rtnetlink.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/fd.h"
#include "core/base/result.h"
#include "loader/interface.h"

namespace vfm {

/// What counts of an interface for a filter that is served.
struct InterfaceState {
    std::string name;
    std::array<uint8_t, 6> address{};
    uint32_t mtu = 0;
    uint32_t queues = 1;  ///< receive queues that the device was made with
    bool up = false;
    bool loopback = false;
    bool operator==(const InterfaceState&) const = default;
};

/// Its state now; nothing if this network namespace has no such index. Fails with Status::refused.
Result<std::optional<InterfaceState>> interface_state(uint32_t index);

/// Receive queues that frames may come by.
struct QueueCount {
    uint32_t now = 0;   ///< 0: the driver does not tell
    uint32_t most = 0;  ///< as `ethtool -L` could set
};
QueueCount receive_queues(const std::string& interface);

/// Tells that something about interfaces has changed.
class InterfaceWatch {
  public:
    static Result<InterfaceWatch> open();
    /// For poll(): readable when there is something to look at.
    int fd() const { return socket_.get(); }
    /// Takes what has been told; true if it concerned the interface, or if some was lost.
    bool take(uint32_t index);

  private:
    explicit InterfaceWatch(Fd socket) : socket_(std::move(socket)) {}
    Fd socket_;
};

}  // namespace vfm
