// Live sets as maps of the kernel: what they are declared as, and members as their keys. What the
// maps hold is in vfm_abi.h.
#pragma once

#include <span>

#include "bpfgen/object.h"
#include "core/module/module.h"

namespace vfm::bpf {

/// Buckets of the hash map of a set's single values, and the values that it takes: where it is full
/// the trie takes them. Of 16 bytes each, made with the filter; a set that begins with more than
/// half of them has more.
inline constexpr uint32_t kLeastValues = 65536;

/// A set of which all values go into one map and all prefixes into the other.
struct BeginningSet {
    Map values;
    Map prefixes;
};
BeginningSet beginning_set(const SetDecl& set);

/// The control of a unit's live sets as they begin.
Map beginning_control(std::span<const SetDecl> sets);

/// Appends a member as a key of the trie: the prefix' length, then the number, its highest byte
/// first.
void append_prefix(Bytes& keys, const SetMember& member, unsigned width);
/// Appends a single value as a key of the hash map.
void append_value(Bytes& keys, const SetMember& member, unsigned width);
/// Bytes of such keys.
uint32_t prefix_key_size(unsigned width);
uint32_t value_key_size(unsigned width);
/// Keys as members.
SetMember prefix_member(const uint8_t* key, unsigned width);
SetMember value_member(const uint8_t* key, unsigned width);

}  // namespace vfm::bpf
