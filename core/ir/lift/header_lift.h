// The header walk in the IR: the machine that core/packet/header_walk.h writes its steps down on.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/ir/form/ir.h"
#include "core/ir/form/numbers.h"
#include "core/ir/lift/lift.h"
#include "core/isa/insn.h"

namespace vfm::ir {

/// What a lifted function wants to know of the packet's headers.
struct HeaderUses {
    static constexpr size_t kHash = kHeaderFacts;  ///< HASH5, after the facts of HDR

    /// The first use in a block: before body[index].
    struct Place {
        BlockId block = 0;
        uint32_t index = 0;
    };
    std::vector<Place> places;
    /// A value that stands for each fact, made as a parameter that stands nowhere yet; kNone for
    /// facts that nobody wants.
    std::array<ValueId, kHeaderFacts + 1> values;

    HeaderUses() { values.fill(kNone); }
};

/// Puts one walk where all uses are behind it and no cycle runs it twice: as near to them as the
/// dominators allow. The wanted values become parameters of the block behind the walk. Does nothing
/// if there are no uses.
///
/// Before the walk stands a test for the plainest packets, untagged IPv4 without options and no
/// fragments, and if the environment says so untagged IPv6 without extension headers: of these the
/// walk is the same with most of it known beforehand, and what stands behind it is there a second
/// time, so that loads have fixed offsets.
void lift_headers(Function& function, HeaderUses uses, const Environment& environment,
                  Numbers& numbers);

}  // namespace vfm::ir
