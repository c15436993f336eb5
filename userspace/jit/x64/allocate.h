// Registers for the values of a plan: a linear scan over intervals. A value has one location for
// all of its life; what finds no register gets a slot of the frame, or, where it is a load at a
// fixed offset, is loaded anew at each use.
//
// Registers by number:
//   rdi packet, rsi its length, rdx the RunState: as they came in, for the whole run (rdx is free
//   in
//       programs that use no state)
//   r10, r11 scratch: never live from one operation to the next
//   r9 what is left of the fuel, in programs that count it
//   rax rcx r8 (r9) (rdx), then rbx rbp r12..r15, which the prologue saves if used: values
//   rsp the frame: first slots of values, then slots in which registers wait while a function is
//       called, then arguments of host functions
#pragma once

#include <cstdint>
#include <vector>

#include "core/ir/form/ir.h"
#include "userspace/jit/plan/plan.h"

namespace vfm::jit {

/// Register numbers as in instructions.
enum Register : uint8_t {
    rax,
    rcx,
    rdx,
    rbx,
    rsp,
    rbp,
    rsi,
    rdi,
    r8,
    r9,
    r10,
    r11,
    r12,
    r13,
    r14,
    r15,
};
constexpr uint32_t register_bit(unsigned id) { return 1u << id; }

inline constexpr uint32_t kCalleeSaved = register_bit(rbx) | register_bit(rbp) | register_bit(r12) |
                                         register_bit(r13) | register_bit(r14) | register_bit(r15);
inline constexpr uint32_t kCallerSaved = register_bit(rax) | register_bit(rcx) | register_bit(rdx) |
                                         register_bit(rsi) | register_bit(rdi) | register_bit(r8) |
                                         register_bit(r9);

/// What an operation on several registers borrows where its operands or its result have none: these
/// wait in the frame meanwhile. The frame has room for that if any value found no register, or if
/// the plan says that something borrows.
inline constexpr uint32_t kBorrowed = register_bit(rax) | register_bit(rcx) | register_bit(r8);

/// What registers the function touches and how its frame looks.
struct Frame {
    uint32_t pushed = 0;  ///< callee-saved registers in use, a bit each
    uint32_t saved = 0;   ///< registers that wait in the frame somewhere, a bit each
    uint32_t slots = 0;   ///< of values
};

/// Sets the location of every value of its own in `plan` and `live` of its clobbers, whose order
/// becomes ascending. Another `seed` but 0 picks other registers, and fewer. Time n log n.
Frame allocate_registers(const ir::Function& function, Plan& plan, uint64_t seed);

}  // namespace vfm::jit
