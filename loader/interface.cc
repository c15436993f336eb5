#include "loader/interface.h"

#include <fmt/core.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "core/base/fd.h"
#include "core/base/text.h"
#include "loader/kernel.h"
#include "loader/netlink.h"

namespace vfm {
namespace {

constexpr size_t kLongestName = 128;  // ALTIFNAMSIZ of the kernel

std::string nearest_interface(const std::string& name) {
    using List = std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)>;
    const List list(if_nameindex(), if_freenameindex);
    std::vector<std::string_view> names;
    for (const auto* at = list.get(); at && at->if_index; ++at) names.emplace_back(at->if_name);
    if (const auto near = nearest(name, names)) return fmt::format("did you mean '{}'?", *near);
    std::string all;
    for (const std::string_view known : names) {
        if (all.size() > 60) return fmt::format("there are {} and more", all);
        all += (all.empty() ? "" : ", ") + std::string(known);
    }
    return all.empty() ? "" : fmt::format("there is {}", all);
}

/// Of an interface by a name that ioctl(2) has no room for.
std::optional<std::string> name_by_long_name(const std::string& name) {
    if (name.empty() || name.size() >= kLongestName) return std::nullopt;
    ifinfomsg wanted{};
    Bytes body(sizeof wanted);
    append_le(body, NLA_HDRLEN + name.size() + 1, 2);
    append_le(body, IFLA_ALT_IFNAME, 2);
    body.insert(body.end(), name.begin(), name.end());
    body.resize(NLMSG_ALIGN(body.size() + 1));
    std::optional<std::string> found;
    for_each_attribute(ask_route(RTM_GETLINK, body, NLMSG_ALIGN(sizeof wanted)),
                       [&](uint16_t type, ByteView value) {
                           if (type == IFLA_IFNAME)
                               found = std::string(value.begin(), std::ranges::find(value, 0));
                       });
    return found;
}

}  // namespace

std::string main_name(const std::string& name) {
    if (name.size() >= IF_NAMESIZE) return name_by_long_name(name).value_or(name);
    return interface_name(if_nametoindex(name.c_str())).value_or(name);
}

Result<Interface> find_interface(const std::string& given) {
    const std::string name = main_name(given);
    const uint32_t index = name.size() < IF_NAMESIZE ? if_nametoindex(name.c_str()) : 0;
    if (index == 0) return refuse(printable(name), "no such interface", nearest_interface(name));

    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::memcpy(request.ifr_name, name.c_str(), name.size());
    if (ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0)
        return refuse(name, fmt::format("cannot ask for its type: {}", error_text(errno)));
    const int type = request.ifr_hwaddr.sa_family;
    // The loopback device has an Ethernet header too, with zero addresses.
    if (type != ARPHRD_ETHER && type != ARPHRD_LOOPBACK)
        return refuse(name,
                      "its frames have no Ethernet header; only Ethernet devices are accepted");
    const bool has_mtu = ioctl(socket.get(), SIOCGIFMTU, &request) == 0 && request.ifr_mtu > 0;
    return Interface{name, index, has_mtu ? static_cast<uint32_t>(request.ifr_mtu) : 0};
}

std::optional<std::string> interface_name(uint32_t index) {
    char name[IF_NAMESIZE];
    if (index == 0 || !if_indextoname(index, name)) return std::nullopt;
    return name;
}

Result<uint64_t> network_namespace() {
    constexpr int kNetnsCookie = 71;  // SO_NETNS_COOKIE
    const auto cannot_tell = [] {
        return refuse("vfm-xdp", fmt::format("cannot tell which network namespace this is: {}",
                                             error_text(errno)));
    };
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return cannot_tell();
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    if (getsockopt(socket.get(), SOL_SOCKET, kNetnsCookie, &cookie, &size) == 0) return cookie;
    struct stat status{};
    if (stat("/proc/self/ns/net", &status) != 0) return cannot_tell();
    return status.st_ino;
}

}  // namespace vfm
