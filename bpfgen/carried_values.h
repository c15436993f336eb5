// What a loop carries round, as parameters of its heads.
#pragma once

#include <cstdint>
#include <vector>

#include "bpfgen/loop_heads.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

/// Where what is carried lies from one round to the next.
struct CarriedSlots {
    static constexpr uint32_t kNone = ~uint32_t{0};
    std::vector<uint32_t> of;  ///< by value: of the parameters of heads; else kNone
    uint32_t count = 0;
};

/// Behind it nothing but parameters and numbers is alive where a loop head begins: what was made
/// before and is used behind has become one, in the same slot at all heads. The entry has no
/// operation. `heads` are those of the function; blocks may be appended.
CarriedSlots carry_values(ir::Function& function, LoopHeads& heads);

}  // namespace vfm::bpf
