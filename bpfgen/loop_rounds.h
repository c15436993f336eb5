// Loops as rounds of bpf_loop (Linux 5.17), for kernels without may_goto whose verifier cannot
// follow a loop round by round.
//
// The whole filter becomes a function that the kernel calls again and again. A call runs it from
// its beginning, or from the head of a loop, up to where it ends or comes to a head: every edge to
// a head stores what the loop carries round and which head that is, and returns 0; an end stores
// which one it is, and returns 1. So it is with loops in loops and with loops that are entered in
// several places. The program stores 0 for the beginning, calls bpf_loop and goes on to the end
// that it finds stored. It takes no more rounds than the fuel allows, so fuel ends a run exactly.
//
//     program                         round, at a head            round, at an edge to a head
//       scratch.state = 0               carried values = scratch    scratch = its arguments
//       bpf_loop(rounds, round, r10)    code up to the next edge    scratch.state = the head
//       to the end in scratch.state                                 return 0
//
// What goes on as it is has the same slot at all heads and is neither read nor written there.
//
// What is carried lies in scratch memory, a map, of which the verifier knows nothing: one look at
// the function stands for every round. This is what Linux 6.1 has: it looks once, taking what it
// knows in the first round for what holds in all. Later ones look until nothing changes, and
// nothing does: the frame of the program, which holds pointers and what does not change, is only
// read. A round begins by fetching those. Within a round there is no loop; of the packet it must be
// shown anew what was tested in earlier ones, which takes one test at a head.
#pragma once

#include <cstdint>
#include <vector>

#include "bpfgen/carried_values.h"
#include "core/ir/form/analysis.h"

namespace vfm::bpf {

/// BPF_MAX_LOOPS of the kernel.
inline constexpr uint64_t kMostRounds = uint64_t{1} << 23;

/// Slots of scratch memory, before those of what is carried.
inline constexpr uint32_t kStateSlot = 0, kRoundFuelSlot = 1, kFirstCarriedSlot = 2;
constexpr int16_t scratch_offset(uint32_t slot) { return static_cast<int16_t>(8 * slot); }

struct LoopRounds {
    /// The heads; a run that comes to heads[i] has the state i + 1.
    std::vector<ir::BlockId> heads;
    /// By block: its state, 0 for what is no head.
    std::vector<uint32_t> states;
    /// By block, of heads: so many bytes the packet is known to have.
    std::vector<uint64_t> lengths;
    /// Of ways within a round.
    ir::Dominators dominators;
    CarriedSlots carried;

    uint32_t scratch_slots() const { return kFirstCarriedSlot + carried.count; }

    /// So many states are heads and the beginning; ends follow them.
    uint32_t states_of_heads() const { return static_cast<uint32_t>(heads.size() + 1); }
};

/// Of a function as carry_values() left it.
LoopRounds find_loop_rounds(const ir::Function& function, const LoopHeads& heads,
                            CarriedSlots carried);

}  // namespace vfm::bpf
