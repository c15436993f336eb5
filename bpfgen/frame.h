// The register convention and the frame layout of emitted programs: stated here and nowhere else.
//
//   r0, r1   scratch: reloaded values, moves between stack slots, results of helpers
//   r2..r5   values that do not live across a helper call; its arguments
//   r6       the context; free for values in a variant that does not need it
//   r7       direct access: the first byte of the packet, or of its copy; through the helper:
//            struct vfm_stats
//   r8       direct access: the end of what is linear, or of the copy; through the helper: values
//   r9       values; the address of scratch memory in a variant that needs it
//   r10      the frame
//
// A program for linear frames has direct access alone. In others a packet of which wanted bytes are
// not linear is found out where they are missed (far_ways.h). It goes on in the same code, begun
// anew with r7 and r8 at a copy (packet_copy.h): each load there is one of packet bytes on some
// ways and one of a map's value on others, which verifiers take. Where a copy would be too small a
// second variant of the filter serves such packets, with access through the hook's load helper
// (packet_access.h). Both variants share the frame, the exits and the error exits.
//
// Access through the helper keeps packet bytes and the length in vfm_stats.scratch and .length.
// Bytes in the stack would cost the verifier of Linux 6.18 quadratic time. A length in a register
// would be known to the verifier to be at least what guards have found, differently on every path.
// Scratch memory, the per-CPU array `vfm_scratch` of one value, rarely more, holds what the frame
// has no room for. Only numbers of which the verifier need not know anything are put there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ebpf/insn.h"

namespace vfm::bpf {

inline constexpr ebpf::Reg kScratch = 0;
inline constexpr ebpf::Reg kScratch2 = 1;
inline constexpr ebpf::Reg kContext = 6;
inline constexpr ebpf::Reg kData = 7;
inline constexpr ebpf::Reg kStats = 7;
inline constexpr ebpf::Reg kDataEnd = 8;
inline constexpr ebpf::Reg kScratchBase = 9;
inline constexpr ebpf::Reg kLength = 9;  ///< in the prologue

/// Offsets from r10; every slot has 8 bytes.
inline constexpr int16_t kStatsSlot = -8;    ///< address of this CPU's struct vfm_stats
inline constexpr int16_t kResultSlot = -16;  ///< address of struct vfm_result, test builds only
inline constexpr int16_t kLenSlot = -24;     ///< the length, or LEN where the prologue has cut it
inline constexpr int16_t kFuelSlot = -32;    ///< what is left
inline constexpr int16_t kKeySlot = -40;     ///< key argument of map helpers
inline constexpr int16_t kValueSlot = -48;   ///< value argument of map helpers
/// The first spilled value, others downwards, in a program for linear frames; these two else.
inline constexpr int16_t kFirstLinearSpill = -56;
inline constexpr int16_t kContextSlot = -56;  ///< the context, 0 once a copy of the packet is read
inline constexpr int16_t kSeenSlot = -64;     ///< the length, of the copy once it is read
inline constexpr int16_t kFirstSpill = -72;
/// In programs with keys of several words such a key stands in front of what is spilled.
inline constexpr int16_t kWideKeySlot = -128;
inline constexpr int16_t kFirstSpillBehindKey = -136;
/// In programs of which several units read the clock NOW stands in front of what is spilled.
inline constexpr int16_t kClockSlot = kFirstSpillBehindKey;
inline constexpr int16_t kFirstSpillBehindClock = kClockSlot - 8;
inline constexpr int16_t kFrameEnd = -512;  ///< lowest slot the kernel allows
/// In a program that calls subprograms: theirs and its own are 512 bytes together.
inline constexpr int16_t kFrameEndWithCalls = kFrameEnd + 64;
/// Of a program with bounded loops: the times that it may still come to the head of one.
inline constexpr int16_t kLoopSlot = kFrameEnd;
/// Where values may be down to in a program with loops; what lies below belongs to the bounded
/// form, or to the kernel, which counts there if it has may_goto.
inline constexpr int16_t kFrameEndWithLoops = kFrameEnd + 16;

/// The same where walks over rows are calls, too: row_walk.h.
inline constexpr int16_t kFrameOfRows = -96;
inline constexpr int16_t kFrameEndWithRowCalls = kFrameEnd - kFrameOfRows;

/// Where loops are rounds that the kernel calls for (loop_rounds.h): values may be down to there in
/// a round and in the program, 512 bytes together. A round has a frame like that of the program,
/// and finds in the program's below all that is not a value: the ends of the packet, the context
/// and the address of scratch memory.
inline constexpr int16_t kFrameEndWithRounds = -192;
inline constexpr int16_t kRoundFrameEnd = kFrameEnd - kFrameEndWithRounds;
inline constexpr int16_t kRoundDataSlot = -152;
inline constexpr int16_t kRoundDataEndSlot = -160;
inline constexpr int16_t kRoundContextSlot = -168;
inline constexpr int16_t kRoundScratchSlot = -176;

/// The frame of a subprogram that accesses a table, whose keys have kMostSharedWords words at most.
inline constexpr int16_t kSharedValueSlot = -8;
inline constexpr int16_t kSharedStatsKeySlot = -16;
inline constexpr size_t kMostSharedWords = 4;

/// Slots in one value of a per-CPU array, which has at most 32 KiB. Who needs more has several; the
/// address of the first is in kScratchBase, that of each other in the frame, from the end of
/// values on.
inline constexpr uint32_t kScratchSlots = 4096;
inline constexpr uint32_t kMostScratchValues = 16;
constexpr uint32_t scratch_values(uint32_t slots) {
    return (slots + kScratchSlots - 1) / kScratchSlots;
}
constexpr int16_t scratch_address_slot(uint32_t value, int16_t end = kFrameEnd) {
    return static_cast<int16_t>(end + 8 * (static_cast<int>(value) - 1));
}

}  // namespace vfm::bpf
