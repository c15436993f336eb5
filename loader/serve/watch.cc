#include "loader/serve/watch.h"

#include <fmt/core.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "loader/kernel.h"

namespace vfm {
namespace {

constexpr size_t kMessages = 32768;  // more than one message takes

std::unexpected<Failure> refused(std::string_view what) {
    return refuse("rtnetlink", fmt::format("cannot {}: {}", what, error_text(errno)));
}

/// The attributes of one RTM_NEWLINK.
InterfaceState state_of(const nlmsghdr* message) {
    InterfaceState state;
    const auto* const info = static_cast<const ifinfomsg*>(NLMSG_DATA(message));
    state.up = (info->ifi_flags & IFF_UP) != 0;
    state.loopback = (info->ifi_flags & IFF_LOOPBACK) != 0;
    auto left = static_cast<int>(IFLA_PAYLOAD(message));
    for (const rtattr* at = IFLA_RTA(info); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        const auto* const data = static_cast<const char*>(RTA_DATA(at));
        const size_t size = RTA_PAYLOAD(at);
        if (at->rta_type == IFLA_IFNAME) state.name.assign(data, strnlen(data, size));
        if (at->rta_type == IFLA_MTU && size == sizeof state.mtu)
            std::memcpy(&state.mtu, data, size);
        if (at->rta_type == IFLA_NUM_RX_QUEUES && size == sizeof state.queues)
            std::memcpy(&state.queues, data, size);
        if (at->rta_type == IFLA_ADDRESS && size == state.address.size())
            std::memcpy(state.address.data(), data, size);
    }
    return state;
}

}  // namespace

Result<std::optional<InterfaceState>> interface_state(uint32_t index) {
    const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!socket) return refused("open a socket");
    struct {
        nlmsghdr header;
        ifinfomsg info;
    } request{};
    request.header = {.nlmsg_len = sizeof request,
                      .nlmsg_type = RTM_GETLINK,
                      .nlmsg_flags = NLM_F_REQUEST,
                      .nlmsg_seq = 1,
                      .nlmsg_pid = 0};
    request.info.ifi_index = static_cast<int>(index);
    if (send(socket.get(), &request, sizeof request, 0) < 0) return refused("ask for an interface");
    alignas(nlmsghdr) std::array<char, kMessages> answer;
    ssize_t size = 0;
    do size = recv(socket.get(), answer.data(), answer.size(), MSG_TRUNC);
    while (size < 0 && errno == EINTR);
    if (size < 0) return refused("read about an interface");
    errno = static_cast<size_t>(size) > answer.size() ? EMSGSIZE : EPROTO;
    auto left = static_cast<unsigned>(std::min<size_t>(static_cast<size_t>(size), answer.size()));
    const auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
    if (!NLMSG_OK(message, left)) return refused("read about an interface");
    if (message->nlmsg_type == RTM_NEWLINK) return state_of(message);
    // Only this says that there is none. Any other failure tells nothing.
    if (message->nlmsg_type == NLMSG_ERROR) {
        errno = -static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error;
        if (errno == ENODEV) return std::nullopt;
    }
    return refused("read about an interface");
}

QueueCount receive_queues(const std::string& interface) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    ifreq request{};
    if (!socket || interface.size() >= sizeof request.ifr_name) return {};
    std::ranges::copy(interface, request.ifr_name);
    request.ifr_data = reinterpret_cast<char*>(&channels);
    if (ioctl(socket.get(), SIOCETHTOOL, &request) != 0) return {};
    return {channels.rx_count + channels.combined_count, channels.max_rx + channels.max_combined};
}

Result<InterfaceWatch> InterfaceWatch::open() {
    Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    if (!socket) return refused("open a socket");
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK;
    if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return refused("listen for changes of interfaces");
    return InterfaceWatch(std::move(socket));
}

bool InterfaceWatch::take(uint32_t index) {
    bool concerned = false;
    alignas(nlmsghdr) std::array<char, kMessages> messages;
    for (;;) {
        const ssize_t size = recv(socket_.get(), messages.data(), messages.size(), 0);
        if (size < 0 && errno == ENOBUFS) concerned = true;
        if (size < 0 && errno != ENOBUFS && errno != EINTR) return concerned;
        auto left = static_cast<unsigned>(std::max<ssize_t>(size, 0));
        const auto* message = reinterpret_cast<const nlmsghdr*>(messages.data());
        for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            const auto* const info = static_cast<const ifinfomsg*>(NLMSG_DATA(message));
            if (info->ifi_index == static_cast<int>(index)) concerned = true;
        }
    }
}

}  // namespace vfm
