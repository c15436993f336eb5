// What an interface's offloads do to packets before XDP sees them, and the other end of a veth
// pair, whose offloads those are there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "loader/interface.h"

namespace vfm {

// Names of features as the kernel has them (`ethtool -k` shows the first two as rx-vlan-offload and
// tx-vlan-offload, the last as generic-receive-offload).
inline constexpr std::string_view kReceiveVlan = "rx-vlan-hw-parse";
inline constexpr std::string_view kSendVlan = "tx-vlan-hw-insert";
inline constexpr std::string_view kReceiveServiceVlan = "rx-vlan-stag-hw-parse";  // 802.1ad
inline constexpr std::string_view kSendServiceVlan = "tx-vlan-stag-hw-insert";
inline constexpr std::string_view kSendUdpSegments = "tx-udp-segmentation";
inline constexpr std::string_view kJoinUdp = "rx-udp-gro-forwarding";
inline constexpr std::string_view kJoinInLists = "rx-gro-list";
inline constexpr std::string_view kJoin = "rx-gro";

/// True if the feature is on; nothing if the kernel does not tell. Asks in the network namespace of
/// the calling thread.
std::optional<bool> feature_is_on(const std::string& interface, std::string_view feature);

/// What sort of device it is.
struct LinkKind {
    std::string name;  ///< as `ip -d link` shows it: "veth", "bond", "tun"; empty for hardware
    bool has_segments =
        false;  ///< a tun or tap device whose user may write several packets at once
};
LinkKind link_kind(const Interface& interface);

/// The other end of a veth pair.
struct VethPeer {
    uint32_t ifindex = 0;  ///< in its network namespace
    /// What this namespace calls the peer's; nothing if both ends are in this one.
    std::optional<int32_t> namespace_id;
};
/// Nothing if the interface is no veth or the kernel does not tell.
std::optional<VethPeer> veth_peer(const Interface& interface);

/// As feature_is_on(), of a peer. One in another namespace is looked for in /run/netns and /proc:
/// nothing if it is in neither, or may not be entered. A thread of its own enters it.
std::optional<bool> peer_feature_is_on(const VethPeer& peer, std::string_view feature);

}  // namespace vfm
