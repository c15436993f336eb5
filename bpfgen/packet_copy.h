// A packet of which not all wanted bytes are linear, in memory where the filter reads it as one
// that lies there whole: one call of the hook's load helper, whatever the filter reads then. The
// kernel's verifier goes through the filter once more for it; the code stands once.
#pragma once

#include <cstdint>

#include "bpfgen/exits.h"
#include "bpfgen/maps.h"
#include "bpfgen/packet_access.h"

namespace vfm::bpf {

/// A filter that may look further reads such packets through the helper, byte by byte: no value of
/// a per-CPU array is larger.
inline constexpr uint64_t kMostBytesCopied = 32768;

/// kLenSlot becomes what LEN is made of, from the length in r9. `apart`: kSeenSlot has the same.
void keep_length(Emitter& emitter, LenSource source, bool apart);

/// Room for the first `reach` bytes, at most kMostBytesCopied.
constexpr uint32_t copy_bytes(uint64_t reach) { return static_cast<uint32_t>((reach + 7) / 8 * 8); }

struct PacketCopy {
    uint32_t bytes;     ///< of the packet, or all there are
    ebpf::Reg context;  ///< that holds it; kFrame: kContextSlot does
    /// In the copy bytes may be missed again, as far as the verifier sees: kContextSlot, which is 0
    /// from then on, tells it that they are not there, and kSeenSlot becomes the copy's length.
    bool comes_again;
};

/// kData and kDataEnd become the ends of a copy of the packet, whose length is in r9. r0 to r5 are
/// lost. Should the kernel not be able to read the bytes, the run ends with BOUNDS.
void copy_packet(Emitter& emitter, const HookFacts& hook, Maps& maps, const Exits& exits,
                 const PacketCopy& copy);

}  // namespace vfm::bpf
