#include "bpfgen/questions.h"

#include <algorithm>

#include "core/ir/form/analysis.h"

namespace vfm::bpf {

using ir::Block;
using ir::Op;
using ir::Terminator;
using ir::Value;
using ir::ValueId;

namespace {

bool is_question(Op op) {
    return op == Op::in_set || op == Op::in_rows || op == Op::member || op == Op::member128;
}

}  // namespace

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
