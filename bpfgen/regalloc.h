// Register allocation: linear scan over live ranges (liveness.h), in the order of the code. A value
// has one place for its whole life: a register, a slot of the frame, or one of scratch memory,
// which is a map of its own and has room where the frame has none.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "bpfgen/frame.h"
#include "bpfgen/mir.h"
#include "core/base/result.h"

namespace vfm::bpf {

/// Registers that values may have, in the order of preference.
struct RegisterFile {
    std::vector<Reg> lost_in_calls;
    std::vector<Reg> kept_in_calls;
    int16_t first_spill = kFirstSpill;
    int16_t frame_end = kFrameEnd;
    /// Slots of scratch memory that hold something else. If there are any, its address is always
    /// in kScratchBase, and it is one value.
    uint32_t scratch_taken = 0;
};

/// Where a virtual register is: a register, or eight bytes of memory at one.
struct Place {
    Reg reg = 0;
    bool in_memory = false;
    int16_t off = 0;
    int16_t address_slot = 0;  ///< other than 0: that slot of the frame stands for the register
    bool operator==(const Place&) const = default;
};

struct Allocation {
    std::vector<Place> places;  ///< by virtual register
    /// Slots of scratch memory that are used. If there are any, kScratchBase holds its address all
    /// the time and no value.
    uint32_t scratch_slots = 0;
};

/// More values at once than all places hold, first at this origin.
struct TooDeep {
    uint32_t origin = 0;
};

/// Why no program is made of one that is.
Failure refusal_of(const TooDeep& deep);

/// `seed` other than 0 permutes the order of preference and, every other time, takes scratch memory
/// before the frame is full: tests use it to move values around.
std::expected<Allocation, TooDeep> allocate(const MFunction& function,
                                            const RegisterFile& registers, uint64_t seed = 0);

}  // namespace vfm::bpf
