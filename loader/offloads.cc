#include "loader/offloads.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/fd.h"
#include "loader/netlink.h"

namespace vfm {
namespace {

namespace fs = std::filesystem;

bool ask_ethtool(int socket, const std::string& interface, void* request) {
    ifreq name{};
    if (interface.size() >= sizeof name.ifr_name) return false;
    std::memcpy(name.ifr_name, interface.c_str(), interface.size());
    name.ifr_data = static_cast<char*>(request);
    return ioctl(socket, SIOCETHTOOL, &name) == 0;
}

/// How many names of features there are; 0 if the kernel does not tell.
uint32_t feature_count(int socket, const std::string& interface) {
    ethtool_sset_info head{};
    head.cmd = ETHTOOL_GSSET_INFO;
    head.sset_mask = uint64_t{1} << ETH_SS_FEATURES;
    Bytes request(sizeof head + sizeof(uint32_t));
    std::memcpy(request.data(), &head, sizeof head);
    if (!ask_ethtool(socket, interface, request.data())) return 0;
    return load_le<uint32_t>(&request[sizeof head]);
}

/// The feature's number on this kernel.
std::optional<uint32_t> feature_number(int socket, const std::string& interface,
                                       std::string_view feature, uint32_t count) {
    Bytes reply(sizeof(ethtool_gstrings) + size_t{count} * ETH_GSTRING_LEN);
    ethtool_gstrings head{.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES, .len = count};
    std::memcpy(reply.data(), &head, sizeof head);
    if (!ask_ethtool(socket, interface, reply.data())) return std::nullopt;
    for (uint32_t i = 0; i < count; ++i) {
        const char* name =
            reinterpret_cast<const char*>(reply.data()) + sizeof head + size_t{i} * ETH_GSTRING_LEN;
        if (std::string_view(name, strnlen(name, ETH_GSTRING_LEN)) == feature) return i;
    }
    return std::nullopt;
}

template <class Value>
std::optional<Value> value_of(ByteView bytes) {
    Value value{};
    if (bytes.size() < sizeof value) return std::nullopt;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

/// The kernel's attributes of an interface.
Bytes ask_link(const Interface& interface) {
    ifinfomsg wanted{};
    wanted.ifi_index = static_cast<int>(interface.index);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&wanted);
    return ask_route(RTM_GETLINK, ByteView(bytes, sizeof wanted), NLMSG_ALIGN(sizeof wanted));
}

/// Of IFLA_LINKINFO.
LinkKind read_kind(ByteView info) {
    LinkKind kind;
    for_each_attribute(info, [&](uint16_t type, ByteView value) {
        if (type == IFLA_INFO_KIND) kind.name.assign(value.begin(), std::ranges::find(value, 0));
    });
    if (kind.name != "tun") return kind;
    for_each_attribute(info, [&](uint16_t type, ByteView data) {
        if (type != IFLA_INFO_DATA) return;
        for_each_attribute(data, [&](uint16_t inner, ByteView value) {
            if (inner == IFLA_TUN_VNET_HDR)
                kind.has_segments = value_of<uint8_t>(value).value_or(0) != 0;
        });
    });
    return kind;
}

/// What this namespace calls the one behind the descriptor.
std::optional<int32_t> namespace_id(int descriptor) {
    Bytes body(RTA_ALIGN(sizeof(rtgenmsg)));
    append_le(body, sizeof(rtattr) + sizeof(int32_t), 2);
    append_le(body, NETNSA_FD, 2);
    append_le(body, static_cast<uint32_t>(descriptor), 4);
    std::optional<int32_t> id;
    const Bytes answer = ask_route(RTM_GETNSID, body, RTA_ALIGN(sizeof(rtgenmsg)));
    for_each_attribute(answer, [&](uint16_t type, ByteView value) {
        if (type == NETNSA_NSID) id = value_of<int32_t>(value);
    });
    return id;
}

/// Files that stand for network namespaces: those with a name, then those of processes.
std::vector<std::string> namespace_files() {
    std::vector<std::string> files;
    std::error_code ignored;
    for (fs::directory_iterator at("/run/netns", ignored), end; !ignored && at != end;
         at.increment(ignored))
        files.push_back(at->path());
    ignored.clear();
    for (fs::directory_iterator at("/proc", ignored), end; !ignored && at != end;
         at.increment(ignored)) {
        const std::string name = at->path().filename();
        if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; }))
            files.push_back("/proc/" + name + "/ns/net");
    }
    return files;
}

Fd open_namespace(int32_t id) {
    std::vector<ino_t> seen;
    for (const std::string& file : namespace_files()) {
        Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
        struct stat status{};
        if (!fd || fstat(fd.get(), &status) != 0) continue;
        if (std::ranges::find(seen, status.st_ino) != seen.end()) continue;
        seen.push_back(status.st_ino);
        if (namespace_id(fd.get()) == id) return fd;
    }
    return {};
}

}  // namespace

std::optional<bool> feature_is_on(const std::string& interface, std::string_view feature) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const uint32_t count = feature_count(socket.get(), interface);
    if (count == 0) return std::nullopt;
    const auto number = feature_number(socket.get(), interface, feature, count);
    if (!number) return std::nullopt;
    const uint32_t words = (count + 31) / 32;
    Bytes reply(sizeof(ethtool_gfeatures) + words * sizeof(ethtool_get_features_block));
    const uint32_t head[] = {ETHTOOL_GFEATURES, words};
    std::memcpy(reply.data(), head, sizeof head);
    if (!ask_ethtool(socket.get(), interface, reply.data())) return std::nullopt;
    ethtool_get_features_block block{};
    std::memcpy(&block, &reply[sizeof(ethtool_gfeatures) + *number / 32 * sizeof block],
                sizeof block);
    return (block.active >> (*number % 32) & 1) != 0;
}

LinkKind link_kind(const Interface& interface) {
    LinkKind kind;
    const Bytes answer = ask_link(interface);
    for_each_attribute(answer, [&](uint16_t type, ByteView value) {
        if (type == IFLA_LINKINFO) kind = read_kind(value);
    });
    return kind;
}

std::optional<VethPeer> veth_peer(const Interface& interface) {
    const Bytes answer = ask_link(interface);
    VethPeer peer;
    LinkKind kind;
    for_each_attribute(answer, [&](uint16_t type, ByteView value) {
        if (type == IFLA_LINK) peer.ifindex = value_of<uint32_t>(value).value_or(0);
        if (type == IFLA_LINK_NETNSID) peer.namespace_id = value_of<int32_t>(value);
        if (type == IFLA_LINKINFO) kind = read_kind(value);
    });
    if (kind.name != "veth" || peer.ifindex == 0) return std::nullopt;
    return peer;
}

std::optional<bool> peer_feature_is_on(const VethPeer& peer, std::string_view feature) {
    const auto ask = [&]() -> std::optional<bool> {
        const auto name = interface_name(peer.ifindex);
        return name ? feature_is_on(*name, feature) : std::nullopt;
    };
    if (!peer.namespace_id) return ask();
    const Fd place = open_namespace(*peer.namespace_id);
    if (!place) return std::nullopt;
    std::optional<bool> on;
    // A thread that has entered another network namespace might not get back.
    std::thread([&] {
        if (setns(place.get(), CLONE_NEWNET) == 0) on = ask();
    }).join();
    return on;
}

}  // namespace vfm
