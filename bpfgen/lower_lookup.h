// Questions to the sets and rules of a module, and counters. Free of branches where the kernel's
// verifier would follow both ways of each.
#pragma once

#include <optional>
#include <span>
#include <variant>

#include "bpfgen/builder.h"
#include "bpfgen/lookup/word.h"
#include "bpfgen/lookup_tables.h"
#include "bpfgen/packet_access.h"

namespace vfm::bpf {

/// 1 if the key, of one word or of two, the upper first, is a member.
VReg is_member(Builder& b, const SetTable& set, std::span<const Word> key);
/// The same of a set of `width` bits that is a map.
VReg is_in_map(Builder& b, uint32_t map, unsigned width, std::span<const Word> key);
/// The rule of the first row that holds, 0 for none. `operands` are those of MATCH.
VReg match_rules(Builder& b, const RowTable& rows, std::span<const Word> operands);
/// The constant of a rule.
VReg verdict_of(Builder& b, const VerdictTable& verdicts, Word rule);
/// Which counter: a number known beforehand, of one that is there, or a word.
using Counter = std::variant<uint64_t, Word>;
/// Where a counter group is: a map, or from `offset` on in the value of the statistics.
struct CounterPlace {
    std::optional<uint32_t> map{};
    uint32_t offset = 0;
};
/// Adds a packet and LEN to a counter of a group of so many; to none beyond.
void count_packet(Builder& b, const CounterPlace& place, uint64_t counters, Counter counter,
                  PacketAccess& packet);

}  // namespace vfm::bpf
