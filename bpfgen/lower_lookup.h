// Questions to sets that are maps and to the constants of rules, and counters.
#pragma once

#include <span>

#include "bpfgen/builder.h"
#include "bpfgen/lookup/word.h"
#include "bpfgen/lookup_tables.h"
#include "bpfgen/packet_access.h"

namespace vfm::bpf {

/// 1 if the key, of one word or of two, the upper first, is in a set of `width` bits that is a map,
/// else 0.
VReg is_in_map(Builder& b, uint32_t map, unsigned width, std::span<const Word> key);
/// The constant of a rule.
VReg verdict_of(Builder& b, const VerdictTable& verdicts, Word rule);
/// Adds a packet and LEN to a counter of a map, if it has it.
void count_packet(Builder& b, uint32_t map, uint64_t counters, Word counter, PacketAccess& packet);

}  // namespace vfm::bpf
