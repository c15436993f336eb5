// Flow table operations as calls of the kernel's map helpers: in line, or once as a subprogram.
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

enum class TableAccess : uint8_t { get, set, exchange, add };

/// Operands of an access beside the key: value, old and value, delta.
constexpr size_t operands_beside_key(TableAccess access) {
    return access == TableAccess::get ? 0 : access == TableAccess::exchange ? 2 : 1;
}

/// The body of a subprogram whose arguments are the words of a key and the operands behind it, five
/// at most. It returns what the access gives, a set 0. `stats` is the map `vfm_stats`.
void write_access(Builder& b, TableAccess access, uint32_t map, size_t words, uint32_t stats);

}  // namespace vfm::bpf
