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

/// kLenSlot becomes what LEN is made of, from the length in r9, which is lost.
void keep_length(Emitter& emitter, LenSource source);

/// Room for the first `reach` bytes, at most kMostBytesCopied.
constexpr uint32_t copy_bytes(uint64_t reach) { return static_cast<uint32_t>((reach + 7) / 8 * 8); }

/// kData and kDataEnd become the ends of a copy of the packet's first `bytes`, or of all there are,
/// kSeenSlot its
/// length, and kContextSlot, which holds the context, 0. All other registers are lost. Should the
/// kernel not be able to read the bytes, the run ends with BOUNDS.
void copy_packet(Emitter& emitter, const HookFacts& hook, Maps& maps, uint32_t bytes,
                 const Exits& exits);

}  // namespace vfm::bpf
