#include "bpfgen/jump_threading.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/isa/limits.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Edge;
using ir::Function;
using ir::kNone;
using ir::Op;
using ir::Terminator;
using ir::Value;
using ir::ValueId;

Terminator trap(ErrorKind error, uint32_t origin) {
    return {.kind = Terminator::Kind::trap, .error = error, .origin = origin};
}

// The error that a guard reports whatever the packet is.
std::optional<ErrorKind> certain_error(const Function& function, const Value& value) {
    const bool too_long = value.imm > kMaxPacket;
    if (value.op == Op::guard_len && too_long) return ErrorKind::bounds;
    if (value.op == Op::guard_index && too_long) return ErrorKind::bounds;
    if (value.op == Op::guard_nonzero && function[value.a].op == Op::constant &&
        function[value.a].imm == 0) {
        return ErrorKind::division_by_zero;
    }
    return std::nullopt;
}

void cut_at_certain_errors(Function& function) {
    for (Block& block : function.blocks) {
        for (size_t i = 0; i < block.body.size(); ++i) {
            const Value& value = function[block.body[i]];
            if (const auto error = certain_error(function, value)) {
                block.end = trap(*error, value.origin);
                block.body.resize(i);
                break;
            }
        }
        Terminator& end = block.end;
        const bool tests_length =
            end.kind == Terminator::Kind::branch_len || end.kind == Terminator::Kind::branch_index;
        if (tests_length && end.imm > kMaxPacket) {
            end = ir::jump_to(std::move(end.otherwise), end.origin);
        }
    }
}

// Follows an edge through blocks that do nothing but arithmetic on numbers the edge carries.
class Threader {
  public:
    explicit Threader(Function& function) : function_(function), escapes_(find_escapes(function)) {}

    void run() {
        const auto blocks = static_cast<BlockId>(function_.blocks.size());
        for (BlockId block = 0; block < blocks; ++block) {
            Terminator& end = function_.blocks[block].end;
            // follow() may add blocks, so the edges are taken out meanwhile.
            if (end.kind == Terminator::Kind::jump || ir::is_branch(end)) {
                Edge edge = follow(std::move(end.then));
                function_.blocks[block].end.then = std::move(edge);
            }
            if (ir::is_branch(function_.blocks[block].end)) {
                Edge edge = follow(std::move(function_.blocks[block].end.otherwise));
                function_.blocks[block].end.otherwise = std::move(edge);
            }
        }
        place_numbers();
    }

  private:
    static constexpr size_t kMaxSteps = 64;
    static constexpr size_t kMaxBody = 16;

    // What the values of a block are if it is entered by an edge with these arguments.
    using Seen = std::unordered_map<ValueId, ValueId>;

    ValueId seen(const Seen& map, ValueId value) const {
        const auto found = map.find(value);
        return found == map.end() ? value : found->second;
    }
    std::optional<uint64_t> number(ValueId value) const {
        if (function_[value].op != Op::constant) return std::nullopt;
        return function_[value].imm;
    }
    ValueId make_number(uint64_t value, uint32_t origin) {
        const auto [found, is_new] =
            numbers_.try_emplace(value, static_cast<ValueId>(function_.values.size()));
        if (is_new) {
            function_.values.push_back({.op = Op::constant, .imm = value, .origin = origin});
        }
        return found->second;
    }

    // Nothing if the block does more than arithmetic on known numbers.
    std::optional<Seen> enter(const Edge& edge) {
        const Block& block = function_.blocks[edge.target];
        if (escapes_[edge.target] || block.body.size() > kMaxBody) return std::nullopt;
        Seen map;
        for (size_t i = 0; i < block.params.size(); ++i) map[block.params[i]] = edge.args[i];
        for (const ValueId id : block.body) {
            const Value value = function_[id];
            if (value.op == Op::constant) continue;
            const unsigned operands = ir::op_info(value.op).operands;
            if (operands == 0 || !ir::evaluate(value.op, 1, 1)) return std::nullopt;
            const auto a = number(seen(map, value.a));
            const auto b = operands == 1 ? a : number(seen(map, value.b));
            if (!a || !b) return std::nullopt;
            const auto result = ir::evaluate(value.op, *a, *b);
            if (!result) return std::nullopt;
            map[id] = make_number(*result, value.origin);
        }
        return map;
    }

    Edge follow(Edge edge) {
        for (size_t step = 0; step < kMaxSteps; ++step) {
            const auto map = enter(edge);
            if (!map) return edge;
            const Terminator& end = function_.blocks[edge.target].end;
            const Edge* next = nullptr;
            if (end.kind == Terminator::Kind::jump) {
                next = &end.then;
            } else if (end.kind == Terminator::Kind::ret) {
                return ret_edge(seen(*map, end.a), end.origin);
            } else if (end.kind == Terminator::Kind::branch) {
                const auto a = number(seen(*map, end.a));
                const auto b = number(seen(*map, end.b));
                if (!a || !b) return edge;
                next = compare(end.comparison, *a, *b) ? &end.then : &end.otherwise;
            } else {
                return edge;
            }
            if (next->target == edge.target) return edge;
            Edge to{next->target, next->args};
            for (ValueId& arg : to.args) arg = seen(*map, arg);
            edge = std::move(to);
        }
        return edge;
    }

    // Those that were made stand in the entry, as all do.
    void place_numbers() {
        for (const auto& [number, value] : numbers_) function_.blocks[0].body.push_back(value);
    }

    // A block that returns `value` and nothing else.
    Edge ret_edge(ValueId value, uint32_t origin) {
        const uint64_t key = uint64_t{value} << 32 | origin;
        const auto [found, is_new] =
            rets_.try_emplace(key, static_cast<BlockId>(function_.blocks.size()));
        if (is_new) {
            Block block;
            block.end = {.kind = Terminator::Kind::ret, .a = value, .origin = origin};
            function_.blocks.push_back(std::move(block));
            escapes_.push_back(false);
        }
        return {found->second, {}};
    }

    Function& function_;
    std::vector<bool> escapes_;  // what a block that is skipped defines is used in it alone
    std::unordered_map<uint64_t, ValueId> numbers_;
    std::unordered_map<uint64_t, BlockId> rets_;
};

}  // namespace

void thread_jumps(ir::Function& function) {
    cut_at_certain_errors(function);
    ir::remove_unreachable(function);
    Threader(function).run();
    ir::remove_unreachable(function);
}

std::vector<bool> find_escapes(const ir::Function& function) {
    std::vector<BlockId> home(function.values.size(), kNone);
    for (BlockId id = 0; id < function.blocks.size(); ++id) {
        for (const ValueId param : function.blocks[id].params) home[param] = id;
        for (const ValueId value : function.blocks[id].body)
            if (!ir::is_number(function, value)) home[value] = id;
    }
    std::vector<bool> escapes(function.blocks.size(), false);
    for (BlockId id = 0; id < function.blocks.size(); ++id) {
        const auto use = [&](ValueId value) {
            if (home[value] != kNone && home[value] != id) escapes[home[value]] = true;
        };
        for (const ValueId value : function.blocks[id].body)
            ir::for_each_operand(function[value], use);
        ir::for_each_end_use(function.blocks[id], use);
    }
    return escapes;
}

bool is_bare_end(const ir::Function& function, ir::BlockId block) {
    const Block& b = function.blocks[block];
    const bool ends = b.end.kind == Terminator::Kind::ret || b.end.kind == Terminator::Kind::trap;
    return ends && b.params.empty() && std::ranges::all_of(b.body, [&](ValueId value) {
               return function[value].op == Op::constant;
           });
}

}  // namespace vfm::bpf
