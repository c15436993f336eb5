// The constants of a function while it is made: each number once, in the entry, so that it is the
// same value wherever it is used and keeps no block from being empty.
#pragma once

#include "core/ir/form/ir.h"
#include "core/ir/form/scratch.h"
#include "core/isa/alu.h"

namespace vfm::ir {

struct NumberHash {
    uint64_t operator()(uint64_t number) const { return mix(kMixStart, number); }
};

class Numbers {
  public:
    Numbers(Function& function, Scratch& scratch)
        : function_(function), known_(scratch), made_(scratch) {}

    /// Makes room for `count` numbers in all.
    void reserve(size_t count) {
        known_.reserve(count);
        made_.reserve(count);
    }
    ValueId get(uint64_t number, uint32_t origin) {
        const auto next = static_cast<ValueId>(function_.values.size());
        const auto [value, is_new] = known_.insert(number, next);
        if (is_new) {
            function_.values.push_back({.op = Op::constant, .imm = number, .origin = origin});
            made_.push_back(next);
        }
        return value;
    }

    /// Puts them before everything else in the entry.
    void place() {
        auto& body = function_.blocks[0].body;
        body.insert(body.begin(), made_.begin(), made_.end());
    }

  private:
    Function& function_;
    ScratchMap<uint64_t, ValueId, NumberHash> known_;
    ScratchStack<ValueId> made_;
};

}  // namespace vfm::ir
