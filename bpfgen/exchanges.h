// Stores that must not be lost: what a program reads under a key, changes and stores is stored only
// if no other CPU has stored in between, where the program looks whether it was.
//
//     old = flow_get key
//     ...                      any way, without another store into the table
//     flow_set key, new
//     seen = flow_get key      of which nothing is asked but whether it is `new`
//
// becomes one atomic compare-and-exchange of `old` for `new`; `seen` is `new` if it was made and
// another number if not. On one CPU both are the same.
#pragma once

#include <unordered_map>

#include "core/ir/form/analysis.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

struct Exchanges {
    std::unordered_map<ir::ValueId, ir::ValueId> old_of;    ///< flow_set to the flow_get before it
    std::unordered_map<ir::ValueId, ir::ValueId> store_of;  ///< `seen` to its flow_set
};

Exchanges find_exchanges(const ir::Function& function, const ir::Cfg& cfg);

}  // namespace vfm::bpf
