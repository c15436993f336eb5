// Arithmetic that is not needed: masks and the like of bits at which nobody looks, and products
// that are divided by a multiple of their factor, or quotients' like.
//
// One visit against the order of the blocks sees all uses of a value before it, but for those along
// loops: of what goes round in one, every bit is asked.
#include <bit>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/passes/build.h"
#include "core/ir/passes/passes.h"
#include "core/ir/passes/rewrite.h"

namespace vfm::ir {
namespace {

constexpr uint64_t kAllBits = ~uint64_t{0};

// The lowest bits, up to the highest of some.
constexpr uint64_t up_to_highest(uint64_t bits) {
    return bits == 0 ? 0 : kAllBits >> std::countl_zero(bits);
}

class InstructionCombining {
  public:
    InstructionCombining(Function& function, Work& work)
        : function_(function),
          cfg_(work.cfg()),
          bounds_(work.bounds()),
          replacements_(function, work.scratch()),
          combined_(work.scratch()),
          wanted_(work.scratch().array<uint64_t>(function.values.size())) {}

    Changes run() {
        for (size_t i = cfg_.order().size(); i-- > 0;) visit(cfg_.order()[i]);
        replacements_.apply(function_);
        EntryNumbers numbers(function_);
        for (const Combined& each : combined_) {
            const ValueId by = numbers.get(each.by);
            Value& value = function_[each.id];
            value = {
                .op = each.op, .a = replacements_.find(each.x), .b = by, .origin = value.origin};
        }
        numbers.place();
        return changes_;
    }

  private:
    // An operation that becomes x op a number.
    struct Combined {
        ValueId id;
        Op op;
        ValueId x;
        uint64_t by;
    };

    bool is_number(ValueId id) const { return function_[id].op == Op::constant; }
    uint64_t number(ValueId id) const { return function_[id].imm; }

    void want(ValueId id, uint64_t bits) { wanted_[id] |= bits; }

    void visit(BlockId id) {
        Block& block = function_.blocks[id];
        if (block.end.a != kNone) want(block.end.a, kAllBits);
        if (block.end.b != kNone) want(block.end.b, kAllBits);
        for_each_edge(block, [&](const Edge& edge) {
            const bool back = cfg_.position(edge.target) <= cfg_.position(id);
            const auto& params = function_.blocks[edge.target].params;
            for (size_t i = 0; i < params.size(); ++i)
                want(edge.args[i], back ? kAllBits : wanted_[params[i]]);
        });
        for (size_t i = block.body.size(); i-- > 0;) {
            const ValueId value = block.body[i];
            if (is_idle(value))
                pass_on(value);
            else if (!combine(value))
                want_operands(value);
        }
        // What comes back along a loop was passed on before this was known.
        for (const BlockId before : cfg_.predecessors(id))
            if (cfg_.position(before) >= cfg_.position(id))
                for (const ValueId param : block.params) want(param, kAllBits);
    }

    // ---- bits at which somebody looks --------------------------------------------------------

    // A number as the right operand changes no bit that is wanted.
    bool is_idle(ValueId id) const {
        const Value& value = function_[id];
        if (value.op != Op::and_ && value.op != Op::or_ && value.op != Op::xor_) return false;
        if (!is_number(value.b) || is_number(value.a)) return false;
        const uint64_t changed = value.op == Op::and_ ? ~number(value.b) : number(value.b);
        return wanted_[id] != 0 && (wanted_[id] & changed) == 0;
    }

    void pass_on(ValueId id) {
        want(function_[id].a, wanted_[id]);
        replacements_.replace(id, function_[id].a);
        changes_.values = true;
    }

    void want_operands(ValueId id) {
        const Value& value = function_[id];
        const uint64_t bits = wanted_[id];
        const bool by_number = value.b != kNone && is_number(value.b);
        switch (value.op) {
            case Op::and_:
                want(value.a, by_number ? bits & number(value.b) : bits);
                want(value.b, bits);
                return;
            case Op::or_:
                want(value.a, by_number ? bits & ~number(value.b) : bits);
                want(value.b, bits);
                return;
            case Op::xor_:
                want(value.a, bits);
                want(value.b, bits);
                return;
            case Op::not_:
                want(value.a, bits);
                return;
            case Op::add:
            case Op::sub:
            case Op::mul:
                want(value.a, up_to_highest(bits));
                want(value.b, up_to_highest(bits));
                return;
            case Op::neg:
                want(value.a, up_to_highest(bits));
                return;
            case Op::shl:
            case Op::shr:
                if (by_number) {
                    const uint64_t by = number(value.b) & 63;
                    want(value.a, value.op == Op::shl ? bits >> by : bits << by);
                } else {
                    want(value.a, kAllBits);
                }
                want(value.b, kAllBits);
                return;
            default:
                for_each_operand(value, [&](ValueId operand) { want(operand, kAllBits); });
        }
    }

    // ---- factors and divisors ----------------------------------------------------------------

    // x * n / m, where the product does not wrap.
    bool combine(ValueId id) {
        const Value& value = function_[id];
        if (value.op != Op::div || !is_number(value.b) || wanted_[id] == 0) return false;
        const Value& product = function_[value.a];
        if (product.op != Op::mul || !is_number(product.b) || is_number(product.a)) return false;
        const uint64_t factor = number(product.b), divisor = number(value.b);
        if (factor == 0 || divisor == 0 || bounds_[product.a] > kAllBits / factor) return false;
        const bool divides = divisor % factor == 0;
        if (!divides && factor % divisor != 0) return false;
        combined_.push_back({id, divides ? Op::div : Op::mul, product.a,
                             divides ? divisor / factor : factor / divisor});
        want(product.a, divides ? kAllBits : up_to_highest(wanted_[id]));
        changes_.values = true;
        return true;
    }

    Function& function_;
    const Cfg& cfg_;
    const std::span<const uint64_t> bounds_;
    Replacements replacements_;
    ScratchStack<Combined> combined_;
    const std::span<uint64_t> wanted_;  // by value: bits at which somebody looks
    Changes changes_;
};

}  // namespace

Changes instruction_combining(Function& function, Work& work) {
    return InstructionCombining(function, work).run();
}

}  // namespace vfm::ir
