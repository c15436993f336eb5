#include "loader/verbs/session.h"

#include <fmt/core.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "loader/kernel.h"
#include "loader/serve/watch.h"
#include "userspace/live/rtnetlink.h"

namespace vfm {
namespace {

constexpr unsigned kMostLayers = 8;  // devices upon devices
constexpr MacAddress kSomeMac = {0x02, 0, 0, 0, 0, 1};

std::vector<std::string_view> words_of_line(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const size_t space = std::min(text.find(' '), text.size());
        if (space > 0) words.push_back(text.substr(0, space));
        text.remove_prefix(std::min(space + 1, text.size()));
    }
    return words;
}

std::optional<uint16_t> parse_port(std::string_view text) {
    const auto number = parse_number(text);
    if (!number.value || number.is_ipv4 || *number.value == 0 || *number.value > UINT16_MAX)
        return std::nullopt;
    return static_cast<uint16_t>(*number.value);
}

/// An IPv4 address as the low bits.
std::optional<Wide> parse_address(std::string_view text, bool& is_ipv6) {
    const auto six = parse_ipv6(text);
    is_ipv6 = six.has_value();
    if (six) return six;
    const auto four = parse_number(text);
    if (!four.value || !four.is_ipv4) return std::nullopt;
    return Wide{0, *four.value};
}

/// As it stands in packets and netlink messages.
Bytes address_bytes(const Wide& address, bool is_ipv6) {
    Bytes bytes;
    if (is_ipv6)
        for (int shift = 56; shift >= 0; shift -= 8)
            bytes.push_back(static_cast<uint8_t>(address.hi >> shift));
    for (int shift = is_ipv6 ? 56 : 24; shift >= 0; shift -= 8)
        bytes.push_back(static_cast<uint8_t>(address.lo >> shift));
    return bytes;
}

Wide address_of(ByteView bytes) {
    Wide address;
    for (size_t i = 0; i < bytes.size(); ++i) {
        address.hi = address.hi << 8 | address.lo >> 56;
        address.lo = address.lo << 8 | bytes[i];
    }
    return address;
}

std::optional<uint32_t> number_in(ByteView attributes, unsigned type) {
    const ByteView value = find_attribute(attributes, type);
    if (value.size() != sizeof(uint32_t)) return std::nullopt;
    return load_le<uint32_t>(value.data());
}

struct Route {
    uint32_t interface = 0;
    Wide next_hop;
};

/// Nothing if there is no way.
Result<std::optional<Route>> route_to_peer(NetlinkSocket& socket, const SshSession& session,
                                           bool from_own) {
    rtmsg head{};
    head.rtm_family = session.is_ipv6 ? AF_INET6 : AF_INET;
    head.rtm_dst_len = session.is_ipv6 ? 128 : 32;
    head.rtm_src_len = from_own ? head.rtm_dst_len : uint8_t{0};
    NetlinkRequest request(RTM_GETROUTE, 0, head);
    const Bytes peer = address_bytes(session.peer, session.is_ipv6);
    const Bytes own = address_bytes(session.own, session.is_ipv6);
    request.put(RTA_DST, peer.data(), peer.size());
    if (from_own) request.put(RTA_SRC, own.data(), own.size());
    if (!session.zone.empty())
        if (const auto zone = find_interface(session.zone)) request.put(RTA_OIF, zone->index);
    const auto answer = socket.ask(request);
    if (!answer) {
        // The address may be no more of this machine: by the peer alone then.
        if (from_own) return route_to_peer(socket, session, false);
        const int error = answer.error().error;
        if (error == ENETUNREACH || error == EHOSTUNREACH || error == EINVAL) return std::nullopt;
        return refuse("rtnetlink", fmt::format("cannot ask for the way to the SSH peer: {}",
                                               answer.error().text));
    }
    if (answer->size() < sizeof head) return std::nullopt;
    const ByteView attributes = ByteView(*answer).subspan(NLMSG_ALIGN(sizeof head));
    const auto interface = number_in(attributes, RTA_OIF);
    if (!interface) return std::nullopt;
    const ByteView gateway = find_attribute(attributes, RTA_GATEWAY);
    return Route{*interface, gateway.empty() ? session.peer : address_of(gateway)};
}

/// What a device stands on or belongs to.
struct Layers {
    uint32_t master = 0;
    uint32_t below = 0;  ///< of a VLAN or the like
    std::optional<uint16_t> tag;
};
Layers layers_of(NetlinkSocket& socket, uint32_t index) {
    ifinfomsg head{};
    head.ifi_index = static_cast<int>(index);
    NetlinkRequest request(RTM_GETLINK, 0, head);
    const auto answer = socket.ask(request);
    Layers layers;
    if (!answer || answer->size() < sizeof head) return layers;
    const ByteView attributes = ByteView(*answer).subspan(NLMSG_ALIGN(sizeof head));
    layers.master = number_in(attributes, IFLA_MASTER).value_or(0);
    const ByteView info = find_attribute(attributes, IFLA_LINKINFO);
    const ByteView kind = find_attribute(info, IFLA_INFO_KIND);
    const std::string name(kind.begin(), std::ranges::find(kind, 0));
    if (name != "vlan" && name != "macvlan") return layers;
    layers.below = number_in(attributes, IFLA_LINK).value_or(0);
    const ByteView tag = find_attribute(find_attribute(info, IFLA_INFO_DATA), IFLA_VLAN_ID);
    if (tag.size() == sizeof(uint16_t)) layers.tag = load_le<uint16_t>(tag.data());
    return layers;
}

/// The tags between; nothing if what the route names does not lead over the interface.
std::optional<std::vector<uint16_t>> tags_between(NetlinkSocket& socket, uint32_t routed,
                                                  uint32_t interface) {
    std::vector<uint32_t> uppers;
    for (uint32_t at = interface; at != 0 && uppers.size() < kMostLayers;
         at = layers_of(socket, at).master)
        uppers.push_back(at);
    std::vector<uint16_t> tags;
    for (unsigned layer = 0; routed != 0 && layer < kMostLayers; ++layer) {
        if (std::ranges::find(uppers, routed) != uppers.end()) return tags;
        const Layers layers = layers_of(socket, routed);
        if (layers.tag) tags.insert(tags.begin(), *layers.tag);
        routed = layers.below;
    }
    return std::nullopt;
}

std::optional<MacAddress> mac_of_neighbour(NetlinkSocket& socket, const SshSession& session,
                                           const Route& route) {
    ndmsg head{};
    head.ndm_family = session.is_ipv6 ? AF_INET6 : AF_INET;
    head.ndm_ifindex = static_cast<int>(route.interface);
    NetlinkRequest request(RTM_GETNEIGH, 0, head);
    const Bytes address = address_bytes(route.next_hop, session.is_ipv6);
    request.put(NDA_DST, address.data(), address.size());
    const auto answer = socket.ask(request);
    if (!answer || answer->size() < sizeof head) return std::nullopt;
    const ByteView attributes = ByteView(*answer).subspan(NLMSG_ALIGN(sizeof head));
    const ByteView found = find_attribute(attributes, NDA_LLADDR);
    MacAddress mac{};
    if (found.size() != mac.size()) return std::nullopt;
    std::ranges::copy(found, mac.begin());
    return mac;
}

}  // namespace

std::optional<SshSession> parse_ssh_connection(std::string_view text) {
    const auto words = words_of_line(text);
    if (words.size() != 4) return std::nullopt;
    SshSession session;
    const size_t percent = std::min(words[0].find('%'), words[0].size());
    session.zone = words[0].substr(std::min(percent + 1, words[0].size()));
    bool own_is_ipv6 = false;
    const auto peer = parse_address(words[0].substr(0, percent), session.is_ipv6);
    const auto own = parse_address(words[2].substr(0, words[2].find('%')), own_is_ipv6);
    const auto peer_port = parse_port(words[1]), own_port = parse_port(words[3]);
    if (!peer || !own || !peer_port || !own_port || own_is_ipv6 != session.is_ipv6)
        return std::nullopt;
    session.peer = *peer;
    session.own = *own;
    session.peer_port = *peer_port;
    session.own_port = *own_port;
    return session;
}

std::string session_text(const SshSession& session) {
    const auto end = [&](const Wide& address, uint16_t port) {
        if (session.is_ipv6) return fmt::format("[{}]:{}", ipv6_text(address), port);
        return fmt::format("{}:{}", ipv4_text(static_cast<uint32_t>(address.lo)), port);
    };
    return end(session.peer, session.peer_port) + " to " + end(session.own, session.own_port);
}

Result<std::optional<SessionPath>> session_path(const SshSession& session,
                                                const Interface& interface) {
    auto socket = NetlinkSocket::open();
    if (!socket) return refuse("rtnetlink", "cannot open a socket: " + socket.error().text);
    const auto route = TRY(route_to_peer(*socket, session, true));
    if (!route) return std::nullopt;
    auto tags = tags_between(*socket, route->interface, interface.index);
    if (!tags) return std::nullopt;
    SessionPath path{.own_mac = {},
                     .next_mac = mac_of_neighbour(*socket, session, *route).value_or(kSomeMac),
                     .next_hop = route->next_hop,
                     .tags = *std::move(tags),
                     .mtu = interface.mtu == 0 ? 1500 : interface.mtu};
    const auto state = TRY(interface_state(route->interface));
    if (!state) return std::nullopt;
    path.own_mac = state->address;
    if (state->loopback) path.next_hop.reset();
    return path;
}

}  // namespace vfm
