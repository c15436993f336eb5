// Bytecode to IR.
#pragma once

#include "core/base/result.h"
#include "core/ir/ir.h"
#include "core/verify/verify.h"

namespace vfm::ir {

/// What the place of execution adds to the packet's bytes.
struct Environment {
    /// The hook may hold the outer VLAN tag in metadata (tc): the header walk then asks for it.
    bool vlan_metadata = false;
    /// What stands behind the header walk is written a second time, for the plainest packets, of
    /// which the walk finds out everything with a few tests, if it has so many values at most.
    size_t most_copied = 1024;
};

/// Every (leader, depth) state becomes a block, stack slots become values and block parameters.
/// Fails, naming opcode and offset, for IN, IN128 and MATCH, which the IR does not have yet.
Result<Function> lift(const VerifiedModule& program, const Environment& environment = {});

}  // namespace vfm::ir
