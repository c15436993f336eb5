#include "core/ir/form/bounds.h"

#include <algorithm>
#include <bit>

#include "core/ir/form/intervals.h"

namespace vfm::ir {

uint64_t upper_bound(const Function& function, const Value& value,
                     std::span<const uint64_t> bounds) {
    const unsigned operands = op_info(value.op).operands;
    return upper_bound(function, value, operands > 0 ? bounds[value.a] : 0,
                       operands > 1 ? bounds[value.b] : 0);
}

unsigned result_bits(const Function& function, const Value& value, unsigned a, unsigned b) {
    const auto bound = [&](ValueId id, unsigned bits) {
        if (id != kNone && function[id].op == Op::constant) return function[id].imm;
        return bits == 0 ? 0 : kMost >> (64 - bits);
    };
    return static_cast<unsigned>(
        std::bit_width(upper_bound(function, value, bound(value.a, a), bound(value.b, b))));
}

uint64_t upper_bound(const Function& function, const Value& value, uint64_t a, uint64_t b) {
    const auto range = [&](ValueId id, uint64_t bound) {
        const bool number = id != kNone && function[id].op == Op::constant;
        return Interval{number ? bound : 0, bound};
    };
    return meaning(Intervals(), value, range(value.a, a), range(value.b, b)).high;
}

void upper_bounds(const Function& function, const Cfg& cfg, std::span<uint64_t> bounds) {
    std::ranges::fill(bounds, kMost);
    for (const BlockId id : cfg.order()) {
        const Block& block = function.blocks[id];
        // A parameter is at most its greatest argument, where all are known by now.
        const bool known =
            !block.params.empty() && std::ranges::all_of(cfg.predecessors(id), [&](BlockId pred) {
                return cfg.position(pred) < cfg.position(id);
            });
        for (size_t i = 0; known && i < block.params.size(); ++i) {
            uint64_t most = 0;
            for (const BlockId pred : cfg.predecessors(id))
                for_each_edge(function.blocks[pred], [&](const Edge& edge) {
                    if (edge.target == id) most = std::max(most, bounds[edge.args[i]]);
                });
            bounds[block.params[i]] = most;
        }
        for (const ValueId value : block.body)
            bounds[value] = upper_bound(function, function[value], bounds);
    }
}

}  // namespace vfm::ir
