// Attempts that follow each other: a compare-and-exchange that another CPU has come before is made
// again from what is there then, and again, as `rate` does it. They are the same code with other
// values; the program has it once, in a loop.
#pragma once

#include <unordered_map>

#include "bpfgen/exchanges.h"
#include "core/ir/form/ir.h"

namespace vfm::bpf {

struct Attempts {
    struct Again {
        ir::ValueId get;  ///< the attempt begins with it, and its block
        unsigned rounds;  ///< how often at most, the first time included
    };
    /// By what the exchange has seen: its block ends by asking whether that is 0, and if not, the
    /// attempt is made again.
    std::unordered_map<ir::ValueId, Again> again_of;

    const Again* find(ir::ValueId seen) const {
        const auto at = again_of.find(seen);
        return at == again_of.end() ? nullptr : &at->second;
    }
};

/// Leaves the first attempt of several, whose last way out is that of the last one, and has no
/// loop.
Attempts fold_attempts(ir::Function& function, const Exchanges& exchanges);

}  // namespace vfm::bpf
