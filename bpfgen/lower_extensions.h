// The walk over IPv6 extension headers: a loop of at most eight rounds, which the kernel's verifier
// follows one by one (Linux 5.3).
#pragma once

#include "bpfgen/builder.h"
#include "bpfgen/packet_access.h"

namespace vfm::bpf {

/// The operation `extensions` of core/ir/form/ops.def: from packet[at] on, the first header of kind
/// `kind`, which is one that is skipped.
VReg walk_extensions(Builder& b, PacketAccess& access, VReg at, VReg kind);

}  // namespace vfm::bpf
