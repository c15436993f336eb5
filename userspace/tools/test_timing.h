// How long the engines take for the packets of a capture: `vfm-test -s`.
//
// A clock reads slower than a filter runs, so what is timed is a pass over all packets, from
// memory, with an engine of its own: the results that vfm-test reports are not touched.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/run/engine.h"

namespace vfm {

/// Nanoseconds a packet, over several passes of one engine.
struct Timing {
    std::string engine;
    size_t burst = 0;  ///< packets given to run_batch() at once; 0 for run()
    double median = 0, min = 0, max = 0;
    size_t passes = 0;
    size_t packets = 0;  ///< in each pass
};

/// The first packets of a capture, as many as fit 64 MiB.
class PacketStore {
  public:
    void add(const Packet& packet);
    /// The packets that `engine` takes, by its own word: a kernel's test run refuses some.
    std::vector<Packet> taken_by(Engine& engine) const;

  private:
    struct Stored {
        size_t begin, size;
        uint64_t timestamp;
    };
    Bytes bytes_;
    std::vector<Stored> packets_;
};

/// Runs `engine` over `packets` (at least one) for about a fifth of a second: one pass to warm up,
/// then at most 11 timed ones. With `burst`, run_batch() on that many packets at once; with 0 run()
/// on each. Flow tables keep what the passes before have stored.
Timing measure(Engine& engine, std::span<const Packet> packets, size_t burst);

}  // namespace vfm
