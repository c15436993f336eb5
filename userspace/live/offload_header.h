// What AF_XDP takes from a frame and the host's stack must get back: whether a checksum is still to
// be completed, and that a TCP frame is several in one.
#pragma once

#include <cstddef>
#include <span>

#include "core/base/bytes.h"

struct iovec;

namespace vfm {

/// struct virtio_net_hdr of <linux/virtio_net.h>, which C++ cannot include ("class" is a field).
struct VirtioHeader {
    static constexpr uint8_t kNeedsChecksum = 1;
    static constexpr uint8_t kTcp4 = 1, kTcp6 = 4, kEcn = 0x80;

    uint8_t flags = 0;
    uint8_t gso_type = 0;
    uint16_t hdr_len = 0;      ///< of all headers, where gso_type is set
    uint16_t gso_size = 0;     ///< payload of a segment
    uint16_t csum_start = 0;   ///< the sum runs from here to the frame's end
    uint16_t csum_offset = 0;  ///< and goes here, from csum_start on
};
static_assert(sizeof(VirtioHeader) == 10);

/// What a frame needs on its way back into the stack.
struct Offload {
    VirtioHeader header;  ///< to put before it when it is written to a TAP device
    /// Bytes [sctp_begin, sctp_end) are an SCTP packet without a checksum; equal for none.
    size_t sctp_begin = 0, sctp_end = 0;
};

/// `head` is the frame's first bytes, all headers of it in one piece; `length` the whole frame's;
/// `mtu` that of the interface the frame came in on.
///
/// - A TCP or UDP field that holds exactly the sum of its pseudo-header is taken for a partial
///   checksum, as senders that offload leave it: the stack completes it when it sends the frame on.
///   The same within one tunnel of kind IP in IP, GRE, VXLAN or GENEVE whose own UDP header has
///   none.
/// - An SCTP field of 0 is one that a sender left to its interface.
/// - All else goes back as not checked, and the stack checks it.
/// - A TCP frame whose IP packet is longer than `mtu` goes back as segments of that MTU.
/// - Fragments, and packets that are not whole, say nothing.
Offload find_offload(ByteView head, size_t length, unsigned mtu);

/// Writes the checksum of an SCTP packet that has none: a CRC, for which the header has no flag.
/// `chunks` are the frame's bytes in order; the field lies in the first one.
void complete_sctp(std::span<const iovec> chunks, const Offload& offload);

}  // namespace vfm
