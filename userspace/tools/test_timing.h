// How long the engines take for the packets of a capture: `vfm-test -s`.
//
// A clock reads slower than a filter runs, so what is timed is a pass over all packets, from
// memory, with an engine of its own: the results that vfm-test reports are not touched.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/run/program.h"

namespace vfm {

/// Nanoseconds a packet, over several passes of one engine.
struct Timing {
    std::string engine;
    size_t burst = 0;           ///< packets given to run_batch() at once; 0 for run()
    bool system_calls = false;  ///< each run is one, which the time includes
    double median = 0, min = 0, max = 0;
    size_t passes = 0;
    size_t packets = 0;  ///< in each pass; 0 if there was none to time, and then nothing was
};

/// Memory for the packets that are timed.
constexpr size_t kMostStored = size_t{64} << 20;

/// The first packets of a capture, as many as fit.
class PacketStore {
  public:
    explicit PacketStore(size_t most_bytes = kMostStored) : most_bytes_(most_bytes) {}
    void add(const Packet& packet);
    size_t size() const { return packets_.size(); }
    bool all_kept() const { return all_kept_; }
    /// The packets that `engine` takes, by its own word: a kernel's test run refuses some.
    std::vector<Packet> taken_by(Instance& engine) const;

  private:
    struct Stored {
        size_t begin, size;
        uint64_t timestamp;
    };
    size_t most_bytes_;
    bool all_kept_ = true;
    Bytes bytes_;
    std::vector<Stored> packets_;
};

/// Runs `engine` over `packets` (at least one) for about a fifth of a second: one pass to warm up,
/// then at most 11 timed ones. With `burst`, run_batch() on that many packets at once; with 0 run()
/// on each. Flow tables keep what the passes before have stored.
Timing measure(Instance& engine, std::span<const Packet> packets, size_t burst);

}  // namespace vfm
