// Flow table operations as calls of the kernel's map helpers.
#pragma once

#include <span>

#include "bpfgen/builder.h"

namespace vfm::bpf {

// A key is its words, the first pushed first.

/// The value of a key, 0 if there is none.
VReg flow_get(Builder& b, uint32_t map, std::span<const VReg> key);
/// Stores a value. A store that the map refuses is counted in vfm_stats.refused_stores.
void flow_set(Builder& b, uint32_t map, std::span<const VReg> key, VReg value);
/// Stores `value` if the key's value still is `old`, or if it is 0 and there is none: atomically
/// across CPUs. Gives `value` if so, another number if not.
VReg flow_exchange(Builder& b, uint32_t map, std::span<const VReg> key, VReg old, VReg value);
/// Adds, atomically across CPUs, and gives the new value: `delta` if the store was refused.
VReg flow_add(Builder& b, uint32_t map, std::span<const VReg> key, VReg delta);

}  // namespace vfm::bpf
