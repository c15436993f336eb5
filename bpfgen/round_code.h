// The code around a round (loop_rounds.h): what a program does to have its loops run, and the
// beginning and the ends of the function that the kernel calls for each round.
#pragma once

#include <vector>

#include "bpfgen/exits.h"
#include "bpfgen/loop_rounds.h"
#include "bpfgen/object.h"
#include "bpfgen/regalloc.h"

namespace vfm::bpf {

/// What a round may find in the frame of the program.
struct RoundFrame {
    struct Kept {
        int16_t slot;
        Reg reg;
        bool stored = true;  ///< by the program, which has it in the same register
    };
    std::vector<Kept> registers;
    std::vector<int16_t> slots;  ///< which the function has in its own frame, too
};

class RoundCode {
  public:
    /// `ends`: where the runs of the unit end; it outlives the object.
    RoundCode(Emitter& emitter, const HookFacts& hook, const Exits& ends);

    /// Where the function's code leaves the run.
    const Exits& exits() const { return exits_; }

    /// The code of the function, at its place.
    void code(MFunction code, Allocation allocation, RoundFrame frame);
    /// Runs it, up to so many times, and goes on to the end that it has come to. r9 holds the
    /// address of scratch memory. `fuel`: kFuelSlot holds the fuel.
    void call(const LoopRounds& rounds, uint64_t most, bool fuel);
    /// Writes the function, behind the program, and appends it to `written`, without its place.
    void emit(std::vector<Subprogram>& written, bool fixed_inputs);

  private:
    struct End {
        Label inner, outer;
        int32_t state;
    };
    void find_ends(uint32_t first_state);
    void drop_unread();

    Emitter& emitter_;
    const Exits& outer_;
    Exits exits_;
    Label begin_;
    MFunction code_;
    Allocation allocation_;
    RoundFrame frame_;
    std::vector<End> ends_;  // those that the code leads to
};

}  // namespace vfm::bpf
