// What a function asks of the code that stands before it and of the registers.
#pragma once

#include <cstdint>

#include "core/ir/form/ir.h"

namespace vfm::bpf {

struct Needs {
    bool loads = false;  ///< of packet bytes
    bool counters = false;
    bool vlan = false;
    bool fuel = false;
    bool wide_keys = false;  ///< of maps, of several words
    unsigned len = 0;        ///< places that ask for LEN
    bool clock = false;
    bool walks = false;  ///< goes round a loop of its own
    uint64_t span = 0;   ///< no test or load goes beyond so many bytes
};

Needs find_needs(const ir::Function& function);

}  // namespace vfm::bpf
