// Stores into flow tables that have to do with what was read before.
//
// Those that must not be lost: what a program reads under a key, changes and stores is stored only
// if no other CPU has stored in between, where the program looks whether it was.
//
//     old = flow_get key
//     ...                      any way, without another store into the table
//     flow_set key, new
//     seen = flow_get key      of which nothing is asked but whether it is `new`
//
// becomes one atomic compare-and-exchange of `old` for `new`; `seen` is 0 if it was made and
// another number if not, and is compared with 0. On one CPU that says the same.
//
// Those that find their entry: a flow_set or flow_add into what a flow_get before it has found
// under the same key, without another store into the table in between, and where entries are
// evicted, no other read of it: a lookup makes an entry the newest. It needs no lookup of its own.
// The kernel's verifier follows both ways, of an entry and of none, from the one to the other: only
// where that is near, and for one entry at a time.
#pragma once

#include <span>
#include <unordered_map>
#include <unordered_set>

#include "core/ir/form/ir.h"
#include "core/module/module.h"

namespace vfm::bpf {

struct Exchanges {
    std::unordered_map<ir::ValueId, ir::ValueId> old_of;    ///< flow_set to the flow_get before it
    std::unordered_map<ir::ValueId, ir::ValueId> store_of;  ///< `seen` to its flow_set
    /// A flow_set or flow_add to the flow_get that has found its entry.
    std::unordered_map<ir::ValueId, ir::ValueId> entry_of;
    std::unordered_set<ir::ValueId> found;  ///< those flow_gets
};

/// Finds them, and compares each `seen` with 0. `tables`: by number.
Exchanges find_exchanges(ir::Function& function, std::span<const TableDecl> tables);

}  // namespace vfm::bpf
