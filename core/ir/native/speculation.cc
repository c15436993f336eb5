#include "core/ir/native/speculation.h"

#include <algorithm>

#include "core/ir/form/analysis.h"

namespace vfm::ir {

std::vector<uint64_t> proved_lengths(const Function& function) {
    constexpr uint64_t kUnknown = ~uint64_t{0};
    const size_t count = function.blocks.size();
    std::vector<uint64_t> at_start(count, kUnknown), at_end(count, 0);
    at_start[0] = 0;
    // What comes back along a loop is known only after the first round, and can but lower what was
    // believed there. Loops entered at many places, which no compiler makes, could go on so for as
    // many rounds as there are: after a few nothing is believed of what comes back.
    constexpr unsigned kLoopRounds = 8;
    bool changed = true;
    for (unsigned round = 0; changed; ++round) {
        changed = false;
        for (BlockId id = 0; id < count; ++id) {
            uint64_t length = at_start[id];
            if (length == kUnknown) continue;
            const Block& block = function.blocks[id];
            for (const ValueId value : block.body)
                if (function[value].op == Op::guard_len)
                    length = std::max(length, function[value].imm);
            at_end[id] = length;
            const bool tests = block.end.kind == Terminator::Kind::branch_len;
            for_each_edge(block, [&](const Edge& edge) {
                const bool proves = tests && &edge == &block.end.then;
                const bool back = edge.target <= id;
                const uint64_t known = proves ? std::max(length, block.end.imm) : length;
                const uint64_t there = back && round >= kLoopRounds ? 0 : known;
                if (there >= at_start[edge.target]) return;
                at_start[edge.target] = there;
                changed |= back;
            });
        }
    }
    return at_end;
}

bool speculatable(const Value& value, uint64_t length) {
    if (is_load(value.op)) return value.imm + value.size <= length;
    switch (value.op) {
        case Op::div:
        case Op::mod:
        case Op::loadx:
        case Op::loadx_raw:
        case Op::now:  // a system call, perhaps
            return false;
        default:
            return op_info(value.op).effect == Effect::pure;
    }
}

}  // namespace vfm::ir
