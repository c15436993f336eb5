// Register allocation: linear scan over the forward-jumping code. A value has one place, a register
// or a stack slot, for its whole life, which reaches from its writer to its last reader in the
// order of the code. As jumps only go forward that covers every path between them.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "bpfgen/frame.h"
#include "bpfgen/mir.h"

namespace vfm::bpf {

/// Registers that values may have, in the order of preference.
struct RegisterFile {
    std::vector<Reg> lost_in_calls;
    std::vector<Reg> kept_in_calls;
    int16_t first_spill = kFirstSpill;
};

/// Where a virtual register is: a register, or a frame slot if `slot` is not 0.
struct Place {
    Reg reg = 0;
    int16_t slot = 0;
    bool in_slot() const { return slot != 0; }
    bool operator==(const Place&) const = default;
};

struct Allocation {
    std::vector<Place> places;  ///< by virtual register
};

/// More values at once than registers and stack slots hold, first at this origin.
struct TooDeep {
    uint32_t origin = 0;
};

/// `seed` other than 0 permutes the order of preference: tests use it to move values around.
std::expected<Allocation, TooDeep> allocate(const MFunction& function, RegisterFile registers,
                                            uint64_t seed = 0);

}  // namespace vfm::bpf
