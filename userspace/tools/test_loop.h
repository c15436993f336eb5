// The main loop of vfm-test: the packets of a capture through the engines, and each result, in the
// order of the capture, to whoever wants to see it.
//
// What does something for each packet (the report, the split, a comparison, an explanation) is an
// EachPacket that vfm_test.cc calls; with several jobs it is called by one thread all the same.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/base/result.h"
#include "core/run/program.h"
#include "userspace/io/capture.h"
#include "userspace/tools/test_run.h"

namespace vfm {

/// Why no engine ran a packet: its link header states no EtherType; the kernel's test run takes no
/// such packet.
enum class Skip : uint8_t { none, link, kernel };

/// A packet and what the engines made of it. What it points to lives until the call with it is
/// over.
struct PacketResult {
    uint64_t number = 0;  ///< from 1
    Packet packet;        ///< as the filter saw it; a skipped one as the capture has it
    CaptureRecord record;
    uint32_t interfaces = 0;  ///< that the capture had described by then
    Outcome outcome = {};     ///< of the first engine; skipped unless `skip` is none
    Skip skip = Skip::none;
    std::optional<uint32_t> ended_at =
        {};  ///< code offset where the run ended, if the engine knows
};

/// False ends the run behind this packet.
using EachPacket = std::function<bool(const PacketResult&)>;

/// How a run ended. Nothing set: at the end of the capture, or where EachPacket wanted.
struct RunEnd {
    std::optional<Failure> broken = {};  ///< the capture, behind the packets that were run
    /// The first packet for which two engines differ, which was given to no EachPacket.
    struct Differing {
        Disagreement how;
        uint64_t number = 0;
        Bytes bytes;
    };
    std::optional<Differing> differing = {};
};

/// Who is called while a capture runs, always by the thread that called run_capture().
struct RunHooks {
    EachPacket each;
    std::function<void(const std::vector<Diagnostic>&)> note;  ///< what the reader has to say
    /// All that has come is judged, and nothing more has come yet. False ends the run.
    std::function<bool()> idle;
};

/// Runs packet after packet until the capture ends or its reader is asked to stop.
RunEnd run_capture(CaptureReader& capture, EngineSet& engines, const RunHooks& hooks);

/// What the engines made of a packet.
inline void judge(PacketResult& result, const Outcome& outcome, std::optional<uint32_t> ended_at) {
    result.outcome = outcome;
    if (outcome.skipped) result.skip = Skip::kernel;
    result.ended_at = ended_at;
}

}  // namespace vfm
