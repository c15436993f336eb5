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

/// Most packets have all that is wanted of them in so many bytes: no more is copied at first, and
/// of them no more is asked for before a filter begins.
inline constexpr uint32_t kFirstCopy = 512;

/// Room for the first `reach` bytes, at most kMostBytesCopied.
constexpr uint32_t copy_bytes(uint64_t reach) { return static_cast<uint32_t>((reach + 7) / 8 * 8); }

struct PacketCopy {
    uint32_t bytes;     ///< of the packet, or all there are
    ebpf::Reg context;  ///< that holds it; kFrame: kContextSlot does
    /// In the copy bytes may be missed again, of one of kFirstCopy or as far as the verifier sees.
    /// kContextSlot tells what has been done: 1, the first copy; 0, all, so that what is missed is
    /// not there, and kSeenSlot becomes the copy's length. If bytes > kFirstCopy, `context` is a
    /// register.
    bool comes_again;
};

/// The run begins anew, at `again`, kData and kDataEnd the ends of a copy of the packet, whose
/// length is in r9. Should the kernel not be able to read the bytes, it ends with BOUNDS.
void copy_packet(Emitter& emitter, const HookFacts& hook, Maps& maps, const Exits& exits,
                 const PacketCopy& copy, Label again);

}  // namespace vfm::bpf
