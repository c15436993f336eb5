// Filters of which not every drop is carried out (--monitor, --canary): the way to a drop leads
// through a gate, which asks the map `vfm_enforce` of the unit for the share of all flows whose
// packets are dropped, and HASH5 for the packet's own flow. What is withheld counts there, for the
// filter and for the rule that has decided last, and passes.
//
// Where a rule counts, its number is kept beside the statistics; nothing else differs before the
// gate. The gate fetches the packet anew, as a later unit does.
#pragma once

#include <cstdint>
#include <optional>

#include "bpfgen/emitter.h"
#include "bpfgen/exits.h"
#include "bpfgen/object.h"
#include "core/ir/form/ir.h"
#include "core/verify/verify.h"

namespace vfm::bpf {

/// The program that gives the number of the packet's flow, below VFM_ENFORCE_ALL.
const VerifiedModule& flow_numbers();
/// The same as IR for a hook. Fails as ir::lift() does.
Result<ir::Function> flow_number_function(Hook hook);

struct Gate {
    uint32_t map;  ///< `vfm_enforce`
    GateWays ways;
    std::optional<uint32_t> decision;  ///< Maps::decision_in_stats()
};

/// Of a packet that the filter drops: goes on to what gives its flow's number, with the share in
/// kShareSlot, or, where all flows are alike, to where the packet goes.
void ask_share(Emitter& emitter, const Gate& gate);

/// Counts a packet that is withheld, and passes it.
void withhold(Emitter& emitter, const Gate& gate, Label pass);

}  // namespace vfm::bpf
