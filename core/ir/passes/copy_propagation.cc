// Uses of copies become uses of the original: parameters that receive one value whatever the way,
// and operations that give an operand back.
#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/passes/passes.h"
#include "core/ir/passes/rewrite.h"

namespace vfm::ir {
namespace {

// A loop's parameters may become copies only when others have; chains longer than this, which no
// compiler writes, wait for the next time.
constexpr unsigned kMaxRounds = 4;

class CopyPropagation {
  public:
    CopyPropagation(Function& function, Work& work)
        : function_(function),
          cfg_(work.cfg()),
          scratch_(work.scratch()),
          replacements_(function, scratch_),
          bounds_(work.bounds()) {}

    Changes run() {
        bool changed = true;
        for (unsigned round = 0; changed && round < kMaxRounds; ++round) {
            changed = false;
            for (const BlockId id : cfg_.order()) changed |= visit(id);
            // Without loops every original was known before its copies.
            if (!cfg_.cyclic()) break;
        }
        if (replacements_.empty()) return {};
        const Marks dropped = scratch_.array<uint8_t>(function_.values.size());
        bool drops = false;
        for (const Block& block : function_.blocks)
            for (const ValueId param : block.params)
                drops |= dropped[param] = replacements_.is_replaced(param);
        replacements_.apply(function_);
        if (drops) drop_params(function_, dropped);
        return {.values = true, .shape = drops};
    }

  private:
    bool visit(BlockId id) {
        bool changed = false;
        const Block& block = function_.blocks[id];
        for (size_t i = 0; i < block.params.size(); ++i)
            changed |= replace(block.params[i], only_source(id, i));
        for (const ValueId value : block.body)
            changed |= replace(value, original(function_[value]));
        return changed;
    }

    bool replace(ValueId id, ValueId by) {
        if (by == kNone || replacements_.is_replaced(id)) return false;
        replacements_.replace(id, by);
        return true;
    }

    // The one value that a parameter receives beside itself, or kNone.
    ValueId only_source(BlockId block, size_t index) {
        const ValueId param = function_.blocks[block].params[index];
        ValueId source = kNone;
        for (const BlockId pred : cfg_.predecessors(block)) {
            bool one = true;
            for_each_edge(function_.blocks[pred], [&](const Edge& edge) {
                if (edge.target != block) return;
                const ValueId arg = replacements_.find(edge.args[index]);
                if (arg == param || arg == source) return;
                one = source == kNone;
                source = arg;
            });
            if (!one) return kNone;
        }
        return source;
    }

    // The operand that an operation gives back, or kNone.
    ValueId original(const Value& value) {
        const unsigned operands = op_info(value.op).operands;
        if (operands == 0) return kNone;
        const ValueId a = replacements_.find(value.a);
        if (operands == 1) {
            const Value& inner = function_[a];
            const bool undone =
                (value.op == Op::not_ || value.op == Op::neg) && inner.op == value.op;
            return undone ? replacements_.find(inner.a) : kNone;
        }
        const ValueId b = replacements_.find(value.b);
        if (a == b && (value.op == Op::and_ || value.op == Op::or_)) return a;
        if (function_[b].op != Op::constant) return kNone;
        return gives_back(value.op, bounds_[a], function_[b].imm) ? a : kNone;
    }

    Function& function_;
    const Cfg& cfg_;
    Scratch& scratch_;
    Replacements replacements_;
    const std::span<const uint64_t> bounds_;
};

}  // namespace

Changes copy_propagation(Function& function, Work& work) {
    return CopyPropagation(function, work).run();
}

}  // namespace vfm::ir
