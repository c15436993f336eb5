// Operations that make again what an operation before them on every way has made become uses of
// that: foremost loads, since nobody writes to the packet, and then what is computed from them.
//
// One walk over the dominator tree with one table for all of it. An entry whose block does not
// dominate the place is stale: the walk has left what that block dominates and does not come back,
// so the newcomer takes its place.
#include <utility>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/passes/passes.h"
#include "core/ir/passes/rewrite.h"

namespace vfm::ir {
namespace {

class ValueNumbering {
  public:
    ValueNumbering(Function& function, Work& work)
        : function_(function),
          tree_(work.dominators()),
          replacements_(function, work.scratch()),
          leaders_(work.scratch()) {}

    Changes run() {
        for (const BlockId id : tree_.preorder()) visit(id);
        return changes_;
    }

  private:
    // Two operations with the same key make the same.
    struct Key {
        Op op;
        uint8_t size;
        ValueId a, b;
        uint64_t imm;
        bool operator==(const Key&) const = default;
    };
    struct Hash {
        uint64_t operator()(const Key& key) const {
            const uint64_t shape = uint64_t{key.size} << 8 | static_cast<uint8_t>(key.op);
            return mix(mix(kMixStart ^ shape, uint64_t{key.a} << 32 | key.b), key.imm);
        }
    };
    struct Leader {
        ValueId value;
        BlockId block;
    };

    // Numbers are the same value wherever they are used already. What has many operands is rarely
    // made twice.
    static bool is_numbered(const Value& value) {
        return op_info(value.op).effect == Effect::pure && value.op != Op::constant &&
               value.op != Op::param && value.more.empty();
    }

    static Key key_of(const Value& value) {
        Key key{value.op, value.size, value.a, value.b, value.imm};
        if (op_info(value.op).operands < 2 || key.a <= key.b) return key;
        const auto comparison = op_comparison(value.op);
        if (!comparison && !op_info(value.op).commutes) return key;
        std::swap(key.a, key.b);
        if (comparison) key.op = compare_op(mirror(*comparison));
        return key;
    }

    void visit(BlockId id) {
        Block& block = function_.blocks[id];
        size_t kept = 0;
        for (const ValueId value : block.body)
            if (!replaced(value, id)) block.body[kept++] = value;
        if (kept < block.body.size()) changes_.fewer = true;
        block.body.resize(kept);
        if (replacements_.empty()) return;
        Terminator& end = block.end;
        if (end.a != kNone) rename(end.a);
        if (end.b != kNone) rename(end.b);
        gains(end.b != kNone && end.a == end.b);
        for_each_edge(block, [&](Edge& edge) {
            for (ValueId& arg : edge.args) gains(rename(arg));
        });
    }

    bool rename(ValueId& use) {
        const ValueId by = replacements_.find(use);
        return std::exchange(use, by) != by;
    }

    // Most uses are as good as before. Other passes gain where operands or arguments have become
    // the same one, and where guards ask for the same base.
    void gains(bool what) { changes_.values |= what; }

    bool replaced(ValueId id, BlockId block) {
        Value& value = function_[id];
        bool renamed = false;
        if (!replacements_.empty())
            for_each_operand(value, [&](ValueId& use) { renamed |= rename(use); });
        gains(renamed && (value.a == value.b || op_info(value.op).effect == Effect::guard));
        if (!is_numbered(value)) return false;
        const auto [leader, is_new] = leaders_.insert(key_of(value), {id, block});
        if (is_new) return false;
        if (!tree_.dominates(leader.block, block)) {
            leader = {id, block};
            return false;
        }
        replacements_.replace(id, leader.value);
        return true;
    }

    Function& function_;
    const Dominators& tree_;
    Replacements replacements_;
    ScratchMap<Key, Leader, Hash> leaders_;
    Changes changes_;
};

}  // namespace

Changes global_value_numbering(Function& function, Work& work) {
    return ValueNumbering(function, work).run();
}

}  // namespace vfm::ir
