#include "core/ir/passes/rewrite.h"

#include "core/ir/form/analysis.h"

namespace vfm::ir {

void Replacements::apply(Function& function) {
    if (empty()) return;
    const auto rewrite = [&](ValueId& id) { id = find(id); };
    for (Block& block : function.blocks) {
        for (const ValueId id : block.body) for_each_operand(function[id], rewrite);
        for_each_end_use(block, rewrite);
    }
}

void drop_params(Function& function, Marks dropped) {
    for (Block& block : function.blocks)
        for_each_edge(block, [&](Edge& edge) {
            const auto& params = function.blocks[edge.target].params;
            size_t kept = 0;
            for (size_t i = 0; i < params.size(); ++i)
                if (!dropped[params[i]]) edge.args[kept++] = edge.args[i];
            edge.args.resize(kept);
        });
    for (Block& block : function.blocks)
        erase_if(block.params, [&](ValueId param) { return dropped[param]; });
}

void end_with_trap(Block& block, size_t count, ErrorKind error, uint32_t origin) {
    block.body.resize(count);
    block.end = {.kind = Terminator::Kind::trap, .error = error, .origin = origin};
}

}  // namespace vfm::ir
