// Where the headers of a packet are: HDR and HASH5 for engines that run on real bytes. The walk
// itself stands once, in header_walk.h; this is that walk on a packet in memory.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/bytes.h"
#include "core/isa/insn.h"

namespace vfm {

/// What HDR pushes, by HeaderFact; all ones for nothing.
struct Headers {
    std::array<uint64_t, kHeaderFacts> facts{};
    uint64_t operator[](HeaderFact fact) const { return facts[static_cast<size_t>(fact)]; }
};

/// `packet` is what a run sees: at most kMaxPacket bytes.
Headers walk_headers(ByteView packet);
/// HASH5 of a packet whose headers are known.
uint64_t hash5(ByteView packet, const Headers& headers);

}  // namespace vfm
