// Flow tables for a group of packets: generated code calls these with a word a lane.
#pragma once

#include <cstdint>

#include "userspace/jit/burst/vector_steps.h"
#include "userspace/jit/runtime/run_state.h"

namespace vfm::jit {

/// Does one access in each lane whose bit in `among` is set, packet by packet in their order.
/// `words` are kFlowWords times as many as there are lanes, in the order of FlowWord; the halves of
/// the value come back in the place of those that went in.
using FlowHelper = void (*)(RunState* state, uint32_t among, uint32_t* words, uint32_t table);

/// For groups of 8 or 16 packets.
FlowHelper flow_helper(FlowAccess access, unsigned lanes);

}  // namespace vfm::jit
