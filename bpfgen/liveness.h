// Where the values of machine code are alive, whatever the control flow: from the writer along
// every way to a reader, not more. Two values whose ranges do not meet may have one place.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bpfgen/mir.h"

namespace vfm::bpf {

/// Positions [from, to): instruction i reads at 2i and writes at 2i + 1, so that a result may take
/// the place of an operand that dies there.
struct LiveRange {
    uint32_t from = 0;
    uint32_t to = 0;
    bool operator==(const LiveRange&) const = default;
};

class Liveness {
  public:
    /// Takes time in proportion to the blocks that values live in, summed over the values.
    explicit Liveness(const MFunction& function);

    /// Ascending and apart. At least the writer's own position; empty if nothing writes it.
    std::span<const LiveRange> ranges(VReg reg) const {
        return std::span(ranges_).subspan(begins_[reg], begins_[reg + 1] - begins_[reg]);
    }

  private:
    std::vector<LiveRange> ranges_;
    std::vector<uint32_t> begins_;  // by virtual register: index of its first range
};

}  // namespace vfm::bpf
