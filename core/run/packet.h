// What arrives: a packet as filters see it, and what is known of its frame beside.
#pragma once

#include <cstdint>

#include "core/base/bytes.h"
#include "core/isa/limits.h"

namespace vfm {

/// One packet as a filter sees it. `bytes` begin at the Ethernet header; a run sees the first
/// kMaxPacket of them. `timestamp` is what NOW gives in user space: for a frame off a wire the
/// time at which it arrived.
///
/// Nothing is added here: vector code reads arrays of these, and each byte more costs every burst.
struct Packet {
    ByteView bytes;
    uint64_t timestamp = 0;  ///< nanoseconds

    ByteView visible() const { return bytes.size() > kMaxPacket ? bytes.first(kMaxPacket) : bytes; }
};

/// An IEEE 802.1Q or 802.1ad tag outside a packet's bytes.
struct VlanTag {
    uint16_t protocol = 0;  ///< 0x8100 or 0x88a8 as a number; 0: there is no tag
    uint16_t tci = 0;       ///< priority, drop eligible, VLAN identifier

    bool present() const { return protocol != 0; }
    bool operator==(const VlanTag&) const = default;
};

/// What whoever received a frame knows of it beside its packet. No filter sees any of it, so it
/// stands apart from Packet: who needs it keeps it in step, one a packet. The defaults are those of
/// a capture, which says none of it but the length.
struct FrameInfo {
    uint32_t wire_length = 0;  ///< bytes on the wire where not all were kept; 0: all are there
    uint32_t interface = 0;    ///< index of the interface it arrived at; 0: unknown
    uint32_t queue = 0;        ///< receive queue of that interface, from 0
    VlanTag taken_tag = {};    ///< the outer tag, where receive offload has taken it from the bytes

    /// Bytes that the frame of this packet had on the wire, without a tag that was taken.
    uint64_t length_of(const Packet& packet) const {
        return wire_length != 0 ? wire_length : packet.bytes.size();
    }
};

/// A frame with both.
struct Frame {
    Packet packet;
    FrameInfo info = {};
};

}  // namespace vfm
