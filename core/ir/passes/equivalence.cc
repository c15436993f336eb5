#include "core/ir/passes/equivalence.h"

#include <algorithm>

namespace vfm::ir {

bool same_value(const Function& function, ValueId a, ValueId b, unsigned depth) {
    if (a == b) return true;
    const Value &x = function[a], &y = function[b];
    if (x.op != y.op || x.imm != y.imm || x.size != y.size || x.op == Op::param) return false;
    if (x.more != y.more) return false;
    if (op_info(x.op).effect != Effect::pure) return false;
    const unsigned operands = op_info(x.op).operands;
    if (operands > 0 && depth == 0) return false;
    return (operands < 1 || same_value(function, x.a, y.a, depth - 1)) &&
           (operands < 2 || same_value(function, x.b, y.b, depth - 1));
}

bool same_edge(const Function& function, const Edge& a, const Edge& b) {
    if (a.target != b.target) return false;
    for (size_t i = 0; i < a.args.size(); ++i)
        if (!same_value(function, a.args[i], b.args[i], 0)) return false;
    return true;
}

bool same_outcome(const Function& function, const Edge& a, const Edge& b) {
    if (a.target == b.target) return same_edge(function, a, b);
    const Block &x = function.blocks[a.target], &y = function.blocks[b.target];
    if (x.end.kind != y.end.kind) return false;
    const auto numbers = [&](const Block& block) {
        return block.body.size() <= 4 &&
               std::ranges::all_of(block.body, [&](ValueId id) { return is_number(function, id); });
    };
    if (x.end.kind == Terminator::Kind::ret)
        return is_number(function, x.end.a) &&
               is_number(function, y.end.a, function[x.end.a].imm) && numbers(x) && numbers(y);
    return x.end.kind == Terminator::Kind::trap && x.end.error == y.end.error && numbers(x) &&
           numbers(y);
}

}  // namespace vfm::ir
