#include "core/ir/native.h"

#include "core/ir/analysis.h"

namespace vfm::ir {

ValueId number_in_entry(Function& function, uint64_t number) {
    auto& body = function.blocks[0].body;
    for (const ValueId id : body)
        if (is_number(function, id, number)) return id;
    const auto made = static_cast<ValueId>(function.values.size());
    function.values.push_back({.op = Op::constant, .imm = number});
    body.insert(body.begin(), made);
    return made;
}

ValueId append(Function& function, Block& block, Value value) {
    const auto made = static_cast<ValueId>(function.values.size());
    function.values.push_back(value);
    block.body.push_back(made);
    return made;
}

bool same_value(const Function& function, ValueId a, ValueId b, unsigned depth) {
    if (a == b) return true;
    const Value &x = function[a], &y = function[b];
    if (x.op != y.op || x.imm != y.imm || x.size != y.size || x.op == Op::param) return false;
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

std::vector<uint32_t> count_edges(const Function& function) {
    std::vector<uint32_t> edges(function.blocks.size(), 0);
    for (const Block& block : function.blocks)
        for_each_edge(block, [&](const Edge& edge) { ++edges[edge.target]; });
    return edges;
}

EqualityTest equality_test(const Function& function, const Terminator& end) {
    if (end.kind != Terminator::Kind::branch) return {};
    if (end.comparison != Comparison::eq && end.comparison != Comparison::ne) return {};
    const bool left = is_number(function, end.a);
    if (left == is_number(function, end.b)) return {};
    return {left ? end.b : end.a, left ? end.a : end.b, end.comparison == Comparison::eq};
}

}  // namespace vfm::ir
