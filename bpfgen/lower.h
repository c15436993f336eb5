// IR to machine code over virtual registers, once for each way of packet access.
#pragma once

#include "bpfgen/attempts.h"
#include "bpfgen/exchanges.h"
#include "bpfgen/exits.h"
#include "bpfgen/hook.h"
#include "bpfgen/layout.h"
#include "bpfgen/lookup/row_walk.h"
#include "bpfgen/lookup_tables.h"
#include "bpfgen/loop_rounds.h"
#include "bpfgen/maps.h"
#include "bpfgen/packet_access.h"
#include "bpfgen/shared_access.h"
#include "bpfgen/value_facts.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// What both variants of a program have in common. `function` is as thread_jumps() left it.
struct Lowering {
    const ir::Function& function;
    const ValueFacts& values;
    const std::vector<bool>& certain_fuel;  ///< see fuel.h
    const Layout& layout;
    const ir::Cfg& cfg;
    const ir::Dominators& dominators;  ///< with rounds: of ways within one
    const LoopHeads& heads;
    const LoopRounds* rounds;  ///< null but in the form of bpf_loop
    const Exchanges& exchanges;
    const Attempts& attempts;
    LoopForm loops;
    const HookFacts& hook;
    const Exits* exits;
    Maps& maps;
    const LookupTables& tables;
    SharedAccess& shared;
    RowCalls& row_calls;
    Emitter& emitter;
    LenSource len;
    bool clock_in_slot;  ///< kClockSlot holds NOW
    bool careful;        ///< see Care
    uint64_t reach;      ///< see AccessContext
    /// Direct access where not all bytes may be linear: see FarTests.
    std::optional<Label> far = {};
    bool few_pointers = false;  ///< see AccessContext
};

MFunction lower(const Lowering& lowering, AccessKind access);

}  // namespace vfm::bpf
