#include "userspace/jit/burst/burst_keys.h"

#include <utility>

#include "core/ir/form/analysis.h"
#include "core/ir/passes/build.h"
#include "core/ir/passes/passes.h"
#include "core/ir/passes/work.h"

namespace vfm::jit {
namespace {

using ir::Op;
using ir::Value;
using ir::ValueId;

bool is_access(Op op) { return ir::op_info(op).kind == ir::OpKind::flow; }

/// What a run must not do twice, or not before its turn.
bool stops(const Value& value) { return ir::op_info(value.op).effect == ir::Effect::effect; }

}  // namespace

std::optional<uint32_t> keep_first_key(ir::Function& function) {
    const ir::Cfg cfg(function);
    if (cfg.cyclic()) return std::nullopt;
    std::optional<uint32_t> table;
    const ValueId none = ir::number_in_entry(function, 0);
    for (const ir::BlockId id : cfg.order()) {
        ir::Block& block = function.blocks[id];
        ValueId result = ir::kNone;
        size_t kept = 0;
        for (; kept < block.body.size() && result == ir::kNone; ++kept) {
            const Value& value = function[block.body[kept]];
            if (!stops(value)) continue;
            const bool foreseen = is_access(value.op) && value.more.empty();
            if (foreseen && !table) table = static_cast<uint32_t>(value.imm);
            result = foreseen && value.imm == table ? value.a : none;
            break;
        }
        if (result == ir::kNone && ir::successors(block).empty()) result = none;
        if (result == ir::kNone) continue;
        block.body.resize(kept);
        const uint32_t origin = block.end.origin;
        block.end = {.kind = ir::Terminator::Kind::ret, .a = result, .origin = origin};
    }
    ir::remove_unreachable(function);
    return table;
}

std::unique_ptr<const KeyCode> KeyCode::make(const VerifiedModule& program,
                                             const ir::Function& function) {
    ir::Function cut = function;
    const auto table = keep_first_key(cut);
    if (!table) return nullptr;
    // What only served the rest of the program goes.
    ir::Work work(cut);
    work.finish(ir::dead_code_elimination(cut, work));
    work.finish(ir::simplify_cfg(cut, work));
    auto code = compile_function(program, cut, {});
    if (!code) return nullptr;
    return std::unique_ptr<const KeyCode>(new KeyCode(*std::move(code), *table));
}

}  // namespace vfm::jit
