#include "loader/driver_modes.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include "core/base/bytes.h"
#include "core/base/fd.h"
#include "loader/interface.h"
#include "loader/netlink.h"

namespace vfm {
namespace {

// From the kernel's linux/netdev.h, which Debian 12 does not have yet.
constexpr uint8_t kDeviceGet = 1;           // NETDEV_CMD_DEV_GET
constexpr uint16_t kDeviceIfindex = 1;      // NETDEV_A_DEV_IFINDEX
constexpr uint16_t kDeviceXdpFeatures = 3;  // NETDEV_A_DEV_XDP_FEATURES
constexpr uint64_t kBasic = 1, kZeroCopy = 8, kScatterGather = 32;

constexpr size_t kHeads = sizeof(nlmsghdr) + sizeof(genlmsghdr);

Bytes request(uint16_t family, uint16_t flags, uint8_t command, ByteView attributes) {
    Bytes message(kHeads);
    nlmsghdr head{};
    head.nlmsg_len = static_cast<uint32_t>(kHeads + attributes.size());
    head.nlmsg_type = family;
    head.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    head.nlmsg_seq = 1;
    const genlmsghdr generic{.cmd = command, .version = 1, .reserved = 0};
    std::memcpy(message.data(), &head, sizeof head);
    std::memcpy(message.data() + sizeof head, &generic, sizeof generic);
    message.insert(message.end(), attributes.begin(), attributes.end());
    return message;
}

/// Sends a request and gives the attributes of each answer to `visit`. False if the kernel refuses.
bool exchange(int socket, const Bytes& message, const std::function<void(ByteView)>& visit) {
    if (send(socket, message.data(), message.size(), 0) < 0) return false;
    const bool dump = (load_le<uint16_t>(&message[6]) & NLM_F_DUMP) != 0;
    while (true) {
        std::array<uint8_t, 32768> buffer;
        const ssize_t got = recv(socket, buffer.data(), buffer.size(), 0);
        if (got <= 0) return false;
        ByteView rest(buffer.data(), static_cast<size_t>(got));
        while (rest.size() >= sizeof(nlmsghdr)) {
            const size_t length = load_le<uint32_t>(rest.data());
            const uint16_t type = load_le<uint16_t>(&rest[4]);
            if (length < sizeof(nlmsghdr) || length > rest.size()) return false;
            if (type == NLMSG_DONE) return true;
            if (type == NLMSG_ERROR) return false;
            if (length > kHeads) visit(rest.subspan(kHeads, length - kHeads));
            if (!dump) return true;
            rest = rest.subspan(std::min(rest.size(), size_t{NLMSG_ALIGN(length)}));
        }
    }
}

uint16_t find_family(int socket, std::string_view name) {
    Bytes attribute;
    append_le(attribute, sizeof(nlattr) + name.size() + 1, 2);
    append_le(attribute, CTRL_ATTR_FAMILY_NAME, 2);
    attribute.insert(attribute.end(), name.begin(), name.end());
    attribute.resize(NLA_ALIGN(attribute.size() + 1));
    uint16_t family = 0;
    exchange(socket, request(GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, attribute), [&](ByteView answer) {
        for_each_attribute(answer, [&](uint16_t type, ByteView value) {
            if (type == CTRL_ATTR_FAMILY_ID && value.size() >= 2)
                family = load_le<uint16_t>(value.data());
        });
    });
    return family;
}

}  // namespace

std::optional<std::vector<DriverModes>> driver_modes() {
    const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
    if (!socket) return std::nullopt;
    // The kernel answers at once; a second is for a machine that is very busy.
    const timeval patience{.tv_sec = 1, .tv_usec = 0};
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const uint16_t family = find_family(socket.get(), "netdev");
    if (family == 0) return std::nullopt;
    std::vector<DriverModes> modes;
    const bool told =
        exchange(socket.get(), request(family, NLM_F_DUMP, kDeviceGet, {}), [&](ByteView answer) {
            uint32_t ifindex = 0;
            uint64_t features = 0;
            for_each_attribute(answer, [&](uint16_t type, ByteView value) {
                if (type == kDeviceIfindex && value.size() >= 4)
                    ifindex = load_le<uint32_t>(value.data());
                if (type == kDeviceXdpFeatures && value.size() >= 8)
                    features = load_le<uint64_t>(value.data());
            });
            if (const auto name = interface_name(ifindex))
                modes.push_back({*name, (features & kBasic) != 0, (features & kScatterGather) != 0,
                                 (features & kZeroCopy) != 0});
        });
    if (!told) return std::nullopt;
    return modes;
}

}  // namespace vfm
