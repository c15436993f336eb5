#include "core/ir/rewrite.h"

#include <algorithm>
#include <bit>

#include "core/ir/analysis.h"
#include "core/isa/limits.h"

namespace vfm::ir {
namespace {

// All ones up to the highest bit of a number.
constexpr uint64_t fill(uint64_t value) {
    return value == 0 ? 0 : kMost >> std::countl_zero(value);
}

}  // namespace

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
    const auto number = [&](ValueId id) { return function[id].op == Op::constant; };
    switch (value.op) {
        case Op::constant:
            return value.imm;
        case Op::add:
            return a + b < a ? kMost : a + b;
        case Op::mul:
            return a != 0 && b > kMost / a ? kMost : a * b;
        case Op::div:
            return number(value.b) && b != 0 ? a / b : a;
        case Op::mod:
            return b == 0 ? 0 : std::min(a, b - 1);
        case Op::and_:
            return std::min(a, b);
        case Op::or_:
        case Op::xor_:
            return fill(a | b);
        case Op::shl:
            return number(value.b) && std::countl_zero(a) >= static_cast<int>(b & 63)
                       ? a << (b & 63)
                       : kMost;
        case Op::shr:
            return number(value.b) ? a >> (b & 63) : a;
        case Op::eq:
        case Op::ne:
        case Op::gt:
        case Op::lt:
        case Op::ge:
        case Op::le:
        case Op::in_set:
        case Op::in_rows:
        case Op::vlan_present:
            return 1;
        case Op::len:
            return kMaxPacket;
        case Op::load:
        case Op::loadx:
        case Op::load_raw:
        case Op::loadx_raw:
            return kMost >> (64 - 8 * value.size);
        case Op::vlan_protocol:
        case Op::vlan_tag:
            return 0xffff;
        case Op::rand:
            return 0xffffffff;
        case Op::param:
        case Op::sub:
        case Op::not_:
        case Op::neg:
        case Op::now:
        case Op::guard_len:
        case Op::guard_index:
        case Op::guard_nonzero:
        case Op::flow_get:
        case Op::flow_set:
        case Op::flow_add:
        case Op::call_arg:
        case Op::call:
        case Op::fuel:
            return kMost;
    }
    return kMost;
}

void Replacements::apply(Function& function) {
    if (empty()) return;
    const auto rewrite = [&](ValueId& id) { id = find(id); };
    for (Block& block : function.blocks) {
        for (const ValueId id : block.body) for_each_operand(function[id], rewrite);
        for_each_end_use(block, rewrite);
    }
}

void drop_params(Function& function, Marks dropped) {
    for (Block& block : function.blocks)
        for_each_edge(block, [&](Edge& edge) {
            const auto& params = function.blocks[edge.target].params;
            size_t kept = 0;
            for (size_t i = 0; i < params.size(); ++i)
                if (!dropped[params[i]]) edge.args[kept++] = edge.args[i];
            edge.args.resize(kept);
        });
    for (Block& block : function.blocks)
        erase_if(block.params, [&](ValueId param) { return dropped[param]; });
}

void end_with_trap(Block& block, size_t count, ErrorKind error, uint32_t origin) {
    block.body.resize(count);
    block.end = {.kind = Terminator::Kind::trap, .error = error, .origin = origin};
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
