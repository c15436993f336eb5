// The SSH session that a command is typed in, and the packets that keep it alive.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/text.h"
#include "loader/interface.h"

namespace vfm {

using MacAddress = std::array<uint8_t, 6>;

/// The ends of its connection. An IPv4 address is the low 32 bits.
struct SshSession {
    bool is_ipv6 = false;
    Wide peer, own;
    uint16_t peer_port = 0, own_port = 0;
    std::string zone;  ///< of a link-local peer: the interface
};
/// "CLIENT PORT SERVER PORT", as sshd puts it into SSH_CONNECTION; nothing if it is not that.
std::optional<SshSession> parse_ssh_connection(std::string_view text);
/// "192.0.2.7:51512 to 203.0.113.1:22"
std::string session_text(const SshSession& session);

/// How the session's packets look where they come and go by an interface.
struct SessionPath {
    MacAddress own_mac{}, next_mac{};  ///< of the next hop: made up where nobody knows it
    /// The address that is asked for by ARP or ND; nothing where no address is: the loopback.
    std::optional<Wide> next_hop;
    std::vector<uint16_t> tags;  ///< of VLANs that the session is in, the outer one first
    uint32_t mtu = 1500;
};
/// Nothing if the session does not go over the interface: by itself, as a part of the bridge or
/// bond that it goes over, or below its VLAN. Fails with Status::refused where the kernel does not
/// tell.
Result<std::optional<SessionPath>> session_path(const SshSession& session,
                                                const Interface& interface);

struct NamedPacket {
    std::string what;  ///< "a TCP segment of 1500 bytes"
    Bytes bytes;       ///< from the Ethernet header on
};
/// What comes in, or leaves: segments of the connection, ARP or ND of the addresses that it uses.
std::vector<NamedPacket> session_packets(const SshSession& session, const SessionPath& path,
                                         bool incoming);

}  // namespace vfm
