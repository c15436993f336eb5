#include "bpfgen/value_facts.h"

#include <algorithm>
#include <bit>
#include <ranges>

#include "bpfgen/followed_values.h"
#include "bpfgen/merged_values.h"
#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/form/bounds.h"

namespace vfm::bpf {
namespace {

using ir::Function;
using ir::Op;
using ir::Value;
using ir::ValueId;

// True if the kernel's verifier bounds the result of an operation as ir::result_bits() does. It
// forgets all of a value whose bytes it sees turned round, and before Linux 6.10 all of what an OR
// makes of two values that it does not know.
bool verifier_bounds(const Function& function, const Value& value) {
    switch (value.op) {
        case Op::constant:
        case Op::add:
        case Op::and_:
            return true;
        case Op::or_:
        case Op::shl:
        case Op::shr:
            return is_number(function, value.b);
        case Op::load:
        case Op::loadx:
        case Op::load_raw:
        case Op::loadx_raw:
            return value.size == 1;
        default:
            return false;
    }
}

uint8_t rule_bits(const Function& function, const Value& match) {
    const auto& rows = function.program->module().rule_tables[match.imm].rows;
    return static_cast<uint8_t>(rows.empty() ? 0 : std::bit_width(rows.back().rule));
}

// The kernel's BPF_MAX_VAR_OFF.
constexpr uint64_t kFar = uint64_t{1} << 29;

// A value and a number, added or subtracted.
bool adds_far(const Function& function, const Value& value) {
    if (value.op != Op::add && value.op != Op::sub) return false;
    const auto far = [&](ValueId operand) {
        if (!is_number(function, operand)) return false;
        const uint64_t number = function[operand].imm;
        return std::min(number, 0 - number) >= kFar;
    };
    return far(value.a) || far(value.b);
}

bool adds_number(const Function& function, const Value& value) {
    return value.op == Op::add && (is_number(function, value.a) || is_number(function, value.b));
}

}  // namespace

ValueFacts::ValueFacts(const Function& function, const ir::Cfg& cfg, const LoopHeads& heads,
                       bool careful)
    : careful_(careful) {
    bits_.assign(function.values.size(), 0);
    provable_.assign(function.values.size(), 64);
    number_somewhere_.assign(function.values.size(), false);
    far_sum_.assign(function.values.size(), false);
    compared_sum_.assign(function.values.size(), false);
    if (careful) followed_ = find_followed_values(function);
    for (ValueId id = 0; id < function.values.size(); ++id) {
        if (!is_number(function, id)) continue;
        bits_[id] = provable_[id] = static_cast<uint8_t>(std::bit_width(function[id].imm));
        number_somewhere_[id] = true;
    }
    for (const ir::BlockId id : cfg.order())
        for (const ValueId param : function.blocks[id].params)
            if (heads.at[id]) bits_[param] = 64;
    // In reverse postorder every argument is known before the parameter it goes to, but at heads.
    for (const ir::BlockId id : cfg.order()) {
        const ir::Block& block = function.blocks[id];
        for (const ValueId value : block.body) {
            const Value& v = function[value];
            const unsigned operands = ir::op_info(v.op).operands;
            const auto bound = [&](const std::vector<uint8_t>& known) {
                const unsigned a = operands > 0 ? known[v.a] : 0;
                const unsigned b = operands > 1 ? known[v.b] : 0;
                return static_cast<uint8_t>(ir::result_bits(function, v, a, b));
            };
            bits_[value] = v.op == Op::match ? rule_bits(function, v) : bound(bits_);
            provable_[value] = verifier_bounds(function, v) ? bound(provable_) : 64;
            far_sum_[value] = adds_far(function, v);
            if (ir::evaluate(v.op, 1, 1)) {
                number_somewhere_[value] =
                    number_somewhere_[v.a] && (operands == 1 || number_somewhere_[v.b]);
            }
        }
        if (block.end.kind == ir::Terminator::Kind::branch)
            for (const ValueId value : {block.end.a, block.end.b})
                compared_sum_[value] = adds_number(function, function[value]);
        ir::for_each_edge(block, [&](const ir::Edge& edge) {
            const auto& params = function.blocks[edge.target].params;
            for (size_t i = 0; i < params.size(); ++i) {
                const ValueId arg = edge.args[i];
                if (far_sum_[arg]) far_sum_[params[i]] = true;
                if (heads.at[edge.target]) continue;
                bits_[params[i]] = std::max(bits_[params[i]], bits_[arg]);
                if (number_somewhere_[arg]) number_somewhere_[params[i]] = true;
            }
        });
    }
    if (careful) merged_ = find_merged_values(function, cfg, number_somewhere_);
}

std::vector<bool> made_into_keys(const ir::Function& function, const ir::Cfg& cfg) {
    std::vector<bool> made(function.values.size(), false);
    const auto mark = [&](ValueId value) { made[value] = true; };
    for (const ir::BlockId id : std::views::reverse(cfg.order())) {
        const ir::Block& block = function.blocks[id];
        ir::for_each_edge(block, [&](const ir::Edge& edge) {
            const auto& params = function.blocks[edge.target].params;
            for (size_t i = 0; i < params.size(); ++i)
                if (made[params[i]]) mark(edge.args[i]);
        });
        for (const ValueId at : std::views::reverse(block.body)) {
            const Value& value = function[at];
            const ir::OpKind kind = ir::op_info(value.op).kind;
            const bool arithmetic = kind == ir::OpKind::unary || kind == ir::OpKind::binary;
            if (value.op == Op::match || (made[at] && arithmetic))
                ir::for_each_operand(value, mark);
        }
    }
    return made;
}

}  // namespace vfm::bpf
