// How frames of an interface can be handed to user space so that nothing of them is lost, and where
// they cannot, why, and which switch mends it. A matter of facts alone: hand_over_facts.h finds
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "loader/hook.h"
#include "loader/vlan_tags.h"

namespace vfm {

/// Bytes of a frame beside its MTU, at most: Ethernet's header and two tags.
constexpr uint32_t kTagAndEthernet = 22;

struct HandOverOptions {
    Mode mode = Mode::automatic;  ///< never userspace
    bool force = false;           ///< also where something of a frame gets lost
};

/// Who sends several UDP datagrams in one frame, with their length beside it.
struct DatagramJoiner {
    std::string message;  ///< "the other end of this veth pair may send ..."
    std::string remedy;   ///< the ethtool line
};

/// What decides on the way of an interface's frames.
struct HandOverFacts {
    std::string interface;
    std::string kind;  ///< as `ip -d link` shows it; empty for hardware
    bool loopback = false;
    uint32_t mtu = 1500;
    bool multi_buffer = true;       ///< the kernel hands over frames longer than a chunk
    std::optional<TagTaker> tags;   ///< who takes VLAN tags out of the bytes
    bool driver_tells_tags = true;  ///< a program in native mode can ask for them
    std::vector<DatagramJoiner> joiners;
    bool joins_for_sockets = false;  ///< GRO is on: a socket may have datagrams joined (UDP_GRO)
};

struct HandOverWay {
    Mode mode = Mode::native;  ///< native or skb
    bool multi_buffer = true;
    bool ask_for_tags = false;
    std::vector<Diagnostic> warnings;  ///< what is lost, or may be, on this way
};

struct HandOverPlan {
    std::vector<HandOverWay> ways;   ///< the best first, at least one
    std::vector<Diagnostic> closed;  ///< notes: why there are no more
};

/// The ways to try. Fails with Status::refused where frames would lose what they need: see
/// docs/user-space.md.
Result<HandOverPlan> plan_hand_over(const HandOverFacts& facts, const HandOverOptions& options);

}  // namespace vfm
