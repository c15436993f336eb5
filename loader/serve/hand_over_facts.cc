#include "loader/serve/hand_over_facts.h"

#include <fmt/core.h>
#include <sys/utsname.h>

#include <cstdio>

#include "loader/offloads.h"
#include "loader/serve/handover.h"

namespace vfm {
namespace {

bool kernel_is_at_least(int major, int minor) {
    utsname name{};
    int is_major = 0, is_minor = 0;
    if (uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &is_major, &is_minor) != 2)
        return false;
    return is_major != major ? is_major > major : is_minor >= minor;
}

bool is_on(const std::string& interface, std::string_view feature) {
    return feature_is_on(interface, feature).value_or(false);
}

DatagramJoiner sender(const std::string& who, const std::string& remedy) {
    return {who + " may send several UDP datagrams in one frame", remedy};
}

/// The far end of a veth pair.
void add_peer(HandOverFacts& facts, const VethPeer& peer) {
    const auto sends = peer_feature_is_on(peer, kSendUdpSegments);
    if (sends && !*sends) return;
    const auto name = peer.namespace_id ? std::nullopt : interface_name(peer.ifindex);
    const std::string command =
        fmt::format("ethtool -K {} tso off tx-udp-segmentation off", name.value_or("PEER"));
    facts.joiners.push_back(
        sender("the other end of this veth pair",
               name ? command
                    : fmt::format("in the network namespace of the other end (interface {} there): "
                                  "{}",
                                  peer.ifindex, command)));
}

/// Devices that get frames of this machine as its other devices and hosts sent them.
bool is_inside(const std::string& kind) {
    return kind == "bridge" || kind == "macvlan" || kind == "macvtap";
}

void add_joiners(HandOverFacts& facts, const Interface& interface, const LinkKind& kind) {
    if (const auto peer = veth_peer(interface)) add_peer(facts, *peer);
    if (kind.has_segments && is_on(interface.name, kSendUdpSegments))
        facts.joiners.push_back(sender("who writes to this device (a virtual machine)",
                                       "there: ethtool -K DEVICE tx-udp-segmentation off"));
    if (is_inside(kind.name))
        facts.joiners.push_back(
            sender(fmt::format("who sends through this {} on the same machine", kind.name),
                   "on each sender: ethtool -K DEVICE tso off tx-udp-segmentation off"));
    for (const std::string_view feature : {kJoinUdp, kJoinInLists})
        if (is_on(interface.name, feature))
            facts.joiners.push_back({"the receive offload joins UDP datagrams",
                                     fmt::format("ethtool -K {} {} off", interface.name, feature)});
}

bool tells_tags(const Interface& interface, bool multi_buffer) {
    return Handover::load(
               interface,
               {.drop_on_error = false, .multi_buffer = multi_buffer, .ask_for_tags = true})
        .has_value();
}

}  // namespace

bool hands_over_long_frames() { return kernel_is_at_least(6, 6); }

HandOverFacts hand_over_facts(const Interface& interface, const InterfaceState& state) {
    const LinkKind kind = link_kind(interface);
    HandOverFacts facts;
    facts.interface = interface.name;
    facts.kind = kind.name;
    facts.loopback = state.loopback;
    facts.mtu = state.mtu;
    facts.multi_buffer = hands_over_long_frames();
    facts.tags = tag_taker(interface, TagKinds::all);
    facts.driver_tells_tags = facts.tags && tells_tags(interface, facts.multi_buffer);
    add_joiners(facts, interface, kind);
    facts.joins_for_sockets = is_on(interface.name, kJoin);
    return facts;
}

}  // namespace vfm
