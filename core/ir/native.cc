#include "core/ir/native.h"

#include <algorithm>
#include <utility>

#include "core/ir/analysis.h"

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

std::vector<uint32_t> count_edges(const Function& function) {
    std::vector<uint32_t> edges(function.blocks.size(), 0);
    for (const Block& block : function.blocks)
        for_each_edge(block, [&](const Edge& edge) { ++edges[edge.target]; });
    return edges;
}

std::vector<uint32_t> count_uses(const Function& function) {
    std::vector<uint32_t> uses(function.values.size(), 0);
    for (const Block& block : function.blocks) {
        for (const ValueId id : block.body)
            for_each_operand(function[id], [&](ValueId used) { ++uses[used]; });
        for_each_end_use(block, [&](ValueId used) { ++uses[used]; });
    }
    return uses;
}

std::vector<uint64_t> proved_lengths(const Function& function) {
    constexpr uint64_t kUnknown = ~uint64_t{0};
    const size_t count = function.blocks.size();
    std::vector<uint64_t> at_start(count, kUnknown), at_end(count, 0);
    at_start[0] = 0;
    // What comes back along a loop is known only after the first round, and can but lower what was
    // believed there. Loops entered at many places, which no compiler makes, could go on so for as
    // many rounds as there are: after a few nothing is believed of what comes back.
    constexpr unsigned kRounds = 8;
    bool changed = true;
    for (unsigned round = 0; changed; ++round) {
        changed = false;
        for (BlockId id = 0; id < count; ++id) {
            uint64_t length = at_start[id];
            if (length == kUnknown) continue;
            const Block& block = function.blocks[id];
            for (const ValueId value : block.body)
                if (function[value].op == Op::guard_len)
                    length = std::max(length, function[value].imm);
            at_end[id] = length;
            const bool tests = block.end.kind == Terminator::Kind::branch_len;
            for_each_edge(block, [&](const Edge& edge) {
                const bool proves = tests && &edge == &block.end.then;
                const bool back = edge.target <= id;
                const uint64_t known = proves ? std::max(length, block.end.imm) : length;
                const uint64_t there = back && round >= kRounds ? 0 : known;
                if (there >= at_start[edge.target]) return;
                at_start[edge.target] = there;
                changed |= back;
            });
        }
    }
    return at_end;
}

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

bool speculatable(const Value& value, uint64_t length) {
    if (is_load(value.op)) return value.imm + value.size <= length;
    switch (value.op) {
        case Op::div:
        case Op::mod:
        case Op::loadx:
        case Op::loadx_raw:
        case Op::now:  // a system call, perhaps
            return false;
        default:
            return op_info(value.op).effect == Effect::pure;
    }
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

EqualityTest equality_test(const Function& function, const Terminator& end) {
    if (end.kind != Terminator::Kind::branch) return {};
    if (end.comparison != Comparison::eq && end.comparison != Comparison::ne) return {};
    const bool left = is_number(function, end.a);
    if (left == is_number(function, end.b)) return {};
    return {left ? end.b : end.a, left ? end.a : end.b, end.comparison == Comparison::eq};
}

}  // namespace vfm::ir
