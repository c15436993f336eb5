// The blocks of a lifted function. Each is a state of the bytecode: a basic block entered at one
// depth of the stack.
#pragma once

#include <span>

#include "core/ir/form/ir.h"
#include "core/ir/form/scratch.h"
#include "core/verify/verify.h"

namespace vfm::ir {

struct State {
    uint32_t code_block =
        kNone;  ///< kNone for an entry that only leads to the program's first block
    uint32_t depth = 0;
};

/// What a basic block of the bytecode does to the depth.
struct DepthEffect {
    int32_t change = 0;
    int32_t lowest = 0;  ///< slots below depth + lowest are left alone
};

inline std::span<const Insn> insns_of(const VerifiedModule& program, uint32_t code_block) {
    const CodeBlock& block = program.blocks()[code_block];
    return program.insns().subspan(block.first, block.count);
}

/// By basic block of the bytecode.
std::span<const DepthEffect> depth_effects(const VerifiedModule& program, Scratch& scratch);

/// Makes a block for each state, in reverse postorder, with its end and edges but without operands
/// and arguments. The states by block.
std::span<const State> make_states(const VerifiedModule& program,
                                   std::span<const DepthEffect> effects, Function& function,
                                   Scratch& scratch);

}  // namespace vfm::ir
