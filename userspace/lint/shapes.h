// The shapes that packets of one meaning come in.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "userspace/lint/frames.h"

namespace vfm::lint {

/// Every shape of headers once, with values that packets commonly hold, and cut packets.
std::vector<FrameSpec> every_shape();

/// The same packet otherwise: what a host makes of it is the same.
struct Disguise {
    std::string_view how;  ///< "behind a VLAN tag"
    FrameSpec frame;
};
/// VLAN tags, IPv4 options, extension headers; IPv4 as IPv6 where no address is asked for.
std::vector<Disguise> disguises(const FrameSpec& spec);

/// A later fragment of the datagram, as long as it; nothing if it is one, or no IP.
std::optional<FrameSpec> later_fragment(const FrameSpec& spec);

/// Offsets in a frame of what keys of flow tables are made of.
struct KeyPlaces {
    std::vector<size_t> parts = {};     ///< a byte of each address, port and the protocol
    std::vector<size_t> counting = {};  ///< the last byte of the source and of each port
};
KeyPlaces key_places(ByteView frame);

/// The frame with source and destination exchanged: what answers it.
Bytes answer(ByteView frame);

}  // namespace vfm::lint
