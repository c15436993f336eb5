#include "core/ir/passes/build.h"

#include <algorithm>
#include <utility>

namespace vfm::ir {

ValueId number_in_entry(Function& function, uint64_t number) {
    IdList& body = function.blocks[0].body;
    const auto there =
        std::ranges::find_if(body, [&](ValueId id) { return is_number(function, id, number); });
    if (there != body.end()) return *there;
    const auto made = static_cast<ValueId>(function.values.size());
    function.values.push_back({.op = Op::constant, .imm = number});
    body.insert(body.begin(), made);
    return made;
}

ValueId EntryNumbers::get(uint64_t number) {
    constexpr size_t kMany = 64;  // up to here a search takes less than a table
    const IdList& body = function_.blocks[0].body;
    const bool has_table = known_.size() > 0;
    const bool many = has_table || body.size() + made_.size() > kMany;
    // Of the entry those at its beginning: others may be made behind their use.
    for (const IdList* list : {&std::as_const(made_), &body}) {
        if (has_table) break;
        for (const ValueId id : *list) {
            if (!is_number(function_, id)) break;
            if (many)
                known_.insert(function_[id].imm, id);
            else if (function_[id].imm == number)
                return id;
        }
    }
    const auto next = static_cast<ValueId>(function_.values.size());
    if (many) {
        const auto [value, is_new] = known_.insert(number, next);
        if (!is_new) return value;
    }
    function_.values.push_back({.op = Op::constant, .imm = number});
    made_.push_back(next);
    return next;
}

void EntryNumbers::place() {
    IdList& body = function_.blocks[0].body;
    std::ranges::reverse(made_);
    body.insert(body.begin(), made_.begin(), made_.end());
    made_.clear();
}

ValueId append(Function& function, Block& block, Value value) {
    const auto made = static_cast<ValueId>(function.values.size());
    function.values.push_back(std::move(value));
    block.body.push_back(made);
    return made;
}

}  // namespace vfm::ir
