// Flow tables of a served filter as commands want them changed (loader/flow_changes.h).
#pragma once

#include <span>

#include "loader/flow_changes.h"
#include "loader/shared_memory.h"
#include "userspace/flow/shared_tables.h"

namespace vfm {

/// Carries out what is told, if anything is: in pieces, between which packets are served.
/// `memories` are those of the tables, by number. What is told may be anything.
void take_flow_changes(FlowChanges& told, SharedTables& tables,
                       std::span<const SharedMemory> memories);

}  // namespace vfm
