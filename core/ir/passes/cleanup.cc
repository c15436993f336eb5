#include "core/ir/passes/cleanup.h"

#include <utility>
#include <vector>

#include "core/ir/form/analysis.h"

namespace vfm::ir {

void keep_reachable(Function& function) {
    const size_t count = function.blocks.size();
    std::vector<BlockId> number(count, kNone);
    number[0] = 0;
    BlockId kept = 0;
    bool in_order = true;
    for (BlockId id = 0; id < count; ++id) {
        if (number[id] == kNone) continue;
        number[id] = kept++;
        for_each_edge(function.blocks[id], [&](const Edge& edge) {
            if (number[edge.target] != kNone) return;
            number[edge.target] = 0;
            in_order &= edge.target > id;
        });
    }
    if (!in_order) {
        // Only what comes back along a loop leads there.
        remove_unreachable(function);
        return;
    }
    if (kept == count) return;
    for (BlockId id = 0; id < count; ++id) {
        if (number[id] == kNone) continue;
        Block& block = function.blocks[id];
        for_each_edge(block, [&](Edge& edge) { edge.target = number[edge.target]; });
        if (number[id] != id) function.blocks[number[id]] = std::move(block);
    }
    function.blocks.resize(kept);
}

void sweep(Function& function) {
    std::vector<uint32_t> uses = count_uses(function);
    for (size_t i = function.blocks.size(); i-- > 0;) {
        IdList& body = function.blocks[i].body;
        size_t kept = body.size();
        for (size_t j = body.size(); j-- > 0;) {
            const Value& value = function[body[j]];
            if (op_info(value.op).effect == Effect::pure && uses[body[j]] == 0)
                for_each_operand(value, [&](ValueId used) { --uses[used]; });
            else
                body[--kept] = body[j];
        }
        body.erase(body.begin(), body.begin() + kept);
    }
}

void renumber(Function& function) {
    std::vector<ValueId> number(function.values.size());
    std::vector<Value> kept;
    kept.reserve(function.values.size());
    const auto shown = [&](ValueId id) {
        return !is_number(function, id) && op_info(function[id].op).has_result;
    };
    for (const bool first : {true, false})
        for (Block& block : function.blocks)
            for (IdList* list : {&block.params, &block.body})
                for (const ValueId id : *list) {
                    if (shown(id) != first) continue;
                    number[id] = static_cast<ValueId>(kept.size());
                    kept.push_back(function[id]);
                }
    const auto rename = [&](ValueId& id) { id = number[id]; };
    for (Block& block : function.blocks) {
        for (IdList* list : {&block.params, &block.body})
            for (ValueId& id : *list) rename(id);
        for_each_end_use(block, rename);
    }
    for (Value& value : kept) for_each_operand(value, rename);
    function.values = std::move(kept);
}

}  // namespace vfm::ir
