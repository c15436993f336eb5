// Packets for a first look at what a filter does, when no capture is at hand.
#pragma once

#include <string_view>
#include <vector>

#include "core/base/bytes.h"

namespace vfm {

struct SamplePacket {
    std::string_view name;  ///< "tcp-http"
    std::string_view what;  ///< "TCP SYN to port 80"
    Bytes bytes;            ///< from the Ethernet header on
};

/// Always the same packets in the same order; checksums are zero.
std::vector<SamplePacket> sample_packets();

}  // namespace vfm
