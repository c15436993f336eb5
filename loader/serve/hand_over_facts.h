// What the kernel says of an interface that decides on the way of its frames to user space.
#pragma once

#include "core/base/result.h"
#include "loader/interface.h"
#include "loader/serve/hand_over_way.h"
#include "loader/serve/watch.h"

namespace vfm {

/// True if this kernel hands over frames longer than a chunk of a socket.
bool hands_over_long_frames();

/// In the network namespace of the calling thread. Where a VLAN tag may be taken out of the bytes,
/// a program is loaded and unloaded to see whether the driver tells tags. What the kernel does not
/// tell counts as a loss that may be.
HandOverFacts hand_over_facts(const Interface& interface, const InterfaceState& state);

}  // namespace vfm
