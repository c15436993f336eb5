#include "bpfgen/lower_facts.h"

#include <algorithm>
#include <ranges>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Edge;
using ir::Op;
using ir::Terminator;
using ir::Value;
using ir::ValueId;

bool is_question(Op op) {
    return op == Op::in_set || op == Op::in_rows || op == Op::member || op == Op::member128;
}

}  // namespace

size_t count_tests(const ir::Function& function, const std::vector<bool>& certain_fuel) {
    size_t tests = 0;
    for (const Block& block : function.blocks) {
        for (const ValueId id : block.body) {
            const Op op = function[id].op;
            tests += ir::op_info(op).effect == ir::Effect::guard || ir::is_load(op) ||
                     ir::is_loadx(op) || (op == Op::fuel && !certain_fuel[id]);
        }
        tests += ir::is_branch(block.end);
    }
    return tests;
}

std::vector<bool> find_trunk(const Lowering& lowering, size_t tests) {
    std::vector<bool> trunk(lowering.function.blocks.size(), false);
    BlockId at = 0;
    for (size_t length = 1; length * tests <= kManyTests; ++length) {
        const Block& block = lowering.function.blocks[at];
        if (!ir::is_branch(block.end)) break;
        trunk[at] = true;
        at = lowering.layout.late(block).target;
        if (lowering.cfg.predecessors(at).size() > 1) break;
    }
    return trunk;
}

std::vector<bool> made_into_keys(const ir::Function& function, const ir::Cfg& cfg) {
    std::vector<bool> made(function.values.size(), false);
    const auto mark = [&](ValueId value) { made[value] = true; };
    for (const BlockId id : std::views::reverse(cfg.order())) {
        const Block& block = function.blocks[id];
        ir::for_each_edge(block, [&](const Edge& edge) {
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

std::vector<bool> asked_by_ends(const ir::Function& function) {
    const std::vector<uint32_t> uses = ir::count_uses(function);
    std::vector<bool> asked(function.values.size(), false);
    for (const Block& block : function.blocks) {
        const Terminator& end = block.end;
        if (end.kind != Terminator::Kind::branch || !ir::is_number(function, end.b, 0)) continue;
        if (end.comparison != Comparison::ne && end.comparison != Comparison::eq) continue;
        if (!is_question(function[end.a].op) || uses[end.a] != 1) continue;
        asked[end.a] = std::ranges::find(block.body, end.a) != block.body.end();
    }
    return asked;
}

uint64_t certain_bits(const ir::Function& function, ValueId id) {
    const Value& value = function[id];
    if (value.op == Op::constant) return value.imm;
    if (value.op != Op::or_) return 0;
    return certain_bits(function, value.a) | certain_bits(function, value.b);
}

}  // namespace vfm::bpf
