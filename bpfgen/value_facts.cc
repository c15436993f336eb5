#include "bpfgen/value_facts.h"

#include <algorithm>
#include <bit>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/form/bounds.h"

namespace vfm::bpf {
namespace {

using ir::Function;
using ir::Op;
using ir::Terminator;
using ir::Value;
using ir::ValueId;

unsigned width(uint64_t number) { return static_cast<unsigned>(std::bit_width(number)); }

// True if the kernel's verifier bounds the result of an operation as ir::result_bits() does. It
// forgets all of a value whose bytes it sees turned round.
bool verifier_bounds(const Function& function, const Value& value) {
    switch (value.op) {
        case Op::constant:
        case Op::add:
        case Op::and_:
        case Op::or_:
            return true;
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

}  // namespace

uint64_t swapped(uint64_t number, unsigned bytes) {
    return bytes == 0 ? number : std::byteswap(number) >> (64 - 8 * bytes);
}

ValueFacts::ValueFacts(const Function& function) {
    find_bits(function);
    find_order(function);
    // Turned round, a small number may have high bits.
    for (ValueId id = 0; id < function.values.size(); ++id) {
        if (order_[id] != 0) bits_[id] = static_cast<uint8_t>(8 * order_[id]);
    }
}

void ValueFacts::find_bits(const Function& function) {
    bits_.assign(function.values.size(), 0);
    provable_.assign(function.values.size(), 64);
    number_somewhere_.assign(function.values.size(), false);
    for (ValueId id = 0; id < function.values.size(); ++id) {
        if (!is_number(function, id)) continue;
        bits_[id] = provable_[id] = static_cast<uint8_t>(width(function[id].imm));
        number_somewhere_[id] = true;
    }
    // In reverse postorder every argument is known before the parameter it goes to.
    const ir::Cfg cfg(function);
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
            bits_[value] = bound(bits_);
            provable_[value] = verifier_bounds(function, v) ? bound(provable_) : 64;
            if (ir::evaluate(v.op, 1, 1)) {
                number_somewhere_[value] =
                    number_somewhere_[v.a] && (operands == 1 || number_somewhere_[v.b]);
            }
        }
        ir::for_each_edge(block, [&](const ir::Edge& edge) {
            const auto& params = function.blocks[edge.target].params;
            for (size_t i = 0; i < params.size(); ++i) {
                const ValueId arg = edge.args[i];
                bits_[params[i]] = std::max(bits_[params[i]], bits_[arg]);
                if (number_somewhere_[arg]) number_somewhere_[params[i]] = true;
            }
        });
    }
}

void ValueFacts::find_order(const Function& function) {
    // Start with every load, and a mask of one by a number; take back what has another use.
    order_.assign(function.values.size(), 0);
    const ir::Cfg cfg(function);
    std::vector<ValueId> candidates;
    for (const ir::BlockId id : cfg.order()) {
        for (const ValueId value : function.blocks[id].body) {
            const Value& v = function[value];
            unsigned bytes = 0;
            if (v.op == Op::load || v.op == Op::loadx) bytes = v.size > 1 ? v.size : 0;
            const bool bitwise = v.op == Op::and_ || v.op == Op::or_ || v.op == Op::xor_;
            if (bitwise && is_number(function, v.b) && !is_number(function, v.a)) {
                const unsigned of = order_[v.a];
                // A mask's high bits meet zeros; other operations must not set bits up there.
                if (of != 0 && (v.op == Op::and_ || width(function[v.b].imm) <= 8 * of)) bytes = of;
            }
            order_[value] = static_cast<uint8_t>(bytes);
            if (bytes != 0) candidates.push_back(value);
        }
    }
    const auto reject = [&](ValueId value) { order_[value] = 0; };
    const auto compared = [&](Comparison comparison, ValueId a, ValueId b) {
        const bool equality = comparison == Comparison::eq || comparison == Comparison::ne;
        const auto side = [&](ValueId value, ValueId other) {
            // A number that the field cannot have would lose its high bits.
            if (!equality || !is_number(function, other) ||
                width(function[other].imm) > 8u * order_[value]) {
                reject(value);
            }
        };
        side(a, b);
        side(b, a);
    };
    for (const ir::BlockId id : cfg.order()) {
        const ir::Block& block = function.blocks[id];
        for (const ValueId value : block.body) {
            const Value& v = function[value];
            if (const auto comparison = ir::op_comparison(v.op)) {
                compared(*comparison, v.a, v.b);
            } else if (order_[value] == 0) {
                ir::for_each_operand(v, reject);
            }
        }
        ir::for_each_edge(block,
                          [&](const ir::Edge& edge) { std::ranges::for_each(edge.args, reject); });
        const Terminator& end = block.end;
        if (end.kind == Terminator::Kind::branch) {
            compared(end.comparison, end.a, end.b);
        } else if (end.a != ir::kNone) {
            reject(end.a);
        }
    }
    // A result in the host's order wants its operand so, and with that all other results of it:
    // backwards and forwards until nothing changes.
    bool changed = true;
    const auto settle = [&](ValueId value) {
        const Value& v = function[value];
        if (ir::op_info(v.op).operands < 2 || order_[v.a] == order_[value]) return;
        reject(value);
        reject(v.a);
        changed = true;
    };
    while (changed) {
        changed = false;
        for (size_t i = candidates.size(); i-- > 0;) settle(candidates[i]);
        for (const ValueId value : candidates) settle(value);
    }
}

}  // namespace vfm::bpf
