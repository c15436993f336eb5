// Questions to the constants of rules, and counters.
#pragma once

#include <optional>
#include <span>
#include <variant>

#include "bpfgen/builder.h"
#include "bpfgen/lookup/word.h"
#include "bpfgen/lookup_tables.h"
#include "bpfgen/packet_access.h"

namespace vfm::bpf {

/// The constant of a rule.
VReg verdict_of(Builder& b, const VerdictTable& verdicts, Word rule);
/// Which counter: a number known beforehand, of one that is there, or a word.
using Counter = std::variant<uint64_t, Word>;
/// Where a counter group is: a map, or from `offset` on in the value of the statistics.
struct CounterPlace {
    std::optional<uint32_t> map{};
    uint32_t offset = 0;
};
/// Where in the value of the statistics it is kept which counter of the unit counted last: its
/// number, plus 1. So the verifier does not know it.
struct DecisionPlace {
    int16_t offset = 0;
    uint64_t before = 0;  ///< counters of the groups before
};
/// Adds a packet and LEN to a counter of a group of so many; to none beyond.
void count_packet(Builder& b, const CounterPlace& place, uint64_t counters, Counter counter,
                  PacketAccess& packet, const std::optional<DecisionPlace>& decision);

}  // namespace vfm::bpf
