// Which slots of a function's frame are still read from each instruction on, as the verifier knows
// it while it walks: of instructions that it has not come to it knows neither reads nor writes, and
// in a cycle a slot that was once alive may stay so.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bpfgen/predict/code.h"

namespace vfm::bpf {

class FrameLiveness {
  public:
    /// Of the function that begins at `start`.
    FrameLiveness(const Code& code, uint32_t start);

    /// The instruction has been gone through and has read these slots, and written those whole.
    void note(uint32_t at, uint64_t reads, uint64_t writes);
    /// A path has ended.
    void path_ended();
    /// What is known to be read from the instruction on.
    uint64_t before(uint32_t at);

  private:
    struct Insn {
        std::array<uint32_t, 2> next;  // kNone where there is none
        uint64_t reads = 0, writes = 0, live = 0;
    };

    void order_from(uint32_t start);
    void update();

    static constexpr uint32_t kNone = ~uint32_t{0};

    std::vector<Insn> insns_;
    std::vector<bool> seen_;       // the instruction has been gone through
    std::vector<uint32_t> order_;  // successors first, as the verifier has them
    bool has_cycle_ = false;
    bool changed_ = false;
};

}  // namespace vfm::bpf
