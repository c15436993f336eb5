// Bytecode to IR.
#pragma once

#include "core/base/result.h"
#include "core/ir/form/ir.h"
#include "core/verify/verify.h"

namespace vfm::ir {

/// What the place of execution adds to the packet's bytes.
struct Environment {
    /// The hook may hold the outer VLAN tag in metadata (tc): the header walk then asks for it.
    bool vlan_metadata = false;
    /// The back end has the operation `extensions`.
    bool walks_extensions = false;
    /// What stands behind the header walk is written a second time, for the plainest packets, of
    /// which the walk finds out everything with a few tests, if it has so many values at most.
    size_t most_copied = 1024;
    /// A third time for untagged IPv6 without extension headers.
    bool plain_ipv6 = false;
    /// A declared set that does not change and has so many keys at most becomes one of the
    /// function.
    size_t most_keys = 4096;
};

/// Every (leader, depth) state becomes a block, stack slots become values and block parameters.
/// Fails, naming the offset, where too many values are merged.
Result<Function> lift(const VerifiedModule& program, const Environment& environment = {});

}  // namespace vfm::ir
