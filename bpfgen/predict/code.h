// A program prepared for the walk: its instructions taken apart, where the kernel's verifier
// compares states, and what is still read from each instruction on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "bpfgen/object.h"
#include "core/ebpf/insn.h"

namespace vfm::bpf {

/// The address that an LD_IMM64 loads.
enum class Address : uint8_t { none, map, data, function };

struct Step {
    ebpf::DecodedInsn insn;
    Address address = Address::none;
    uint32_t map = 0;  ///< Address::map: its number
    /// Branch, jump, CALL_LOCAL, the address of a function: the instruction there.
    uint32_t target = 0;
    bool is_second_half = false;  ///< of the instruction before
    bool compares = false;        ///< states are compared, and kept, in front of it
    bool is_joined = false;       ///< the verifier writes down that it came here
    uint16_t live = 0;            ///< registers that are read from here on, a bit each
    uint16_t depth = 0;           ///< bytes of the frame that it names
    uint64_t live_slots = 0;      ///< slots of the function's frame, the highest address first
};

struct Code {
    const Program* program = nullptr;
    std::vector<Step> steps;
    /// May_goto or bpf_loop: the verifier follows rounds by rules that are not modelled.
    bool has_rounds = false;

    uint32_t next(uint32_t at) const { return at + steps[at].insn.slots(); }
};

inline constexpr unsigned kSlots = 64;

/// Slots that the bytes [off, off + bytes) of a frame lie in, the highest address first.
uint64_t slots_of_frame(int64_t off, int64_t bytes);

/// Registers that a helper takes as arguments, from r1 on; nothing for a helper that no emitted
/// program calls.
std::optional<unsigned> helper_arguments(uint64_t helper);

/// Nothing if the program has instructions that the model does not know.
std::optional<Code> prepare(const Program& program);

/// Instructions executed on the longest path, those of functions counted at each call; nothing if
/// there is a cycle.
std::optional<uint64_t> longest_path(const Code& code);

/// Bytes of frame that the program and the functions it calls take together, at most; frames of
/// functions are counted in steps of 32 bytes, as the kernel does.
uint64_t deepest_stack(const Code& code);

}  // namespace vfm::bpf
