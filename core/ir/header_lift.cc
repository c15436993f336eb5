#include "core/ir/header_lift.h"

#include <algorithm>

#include "core/ir/analysis.h"
#include "core/ir/arithmetic.h"
#include "core/packet/header_walk.h"

namespace vfm::ir {
namespace {

// Writes what it is told at the end of a current block. branch() makes a block for each way and
// one behind them, whose parameters are the variables that the two ways left different.
class Writer {
  public:
    using Word = ValueId;

    Writer(Function& function, BlockId block, uint32_t origin, const Environment& environment,
           Numbers& numbers)
        : function_(function),
          block_(block),
          origin_(origin),
          environment_(environment),
          numbers_(numbers) {
        vars_.fill(constant(~uint64_t{0}));
    }

    BlockId block() const { return block_; }

    Word constant(uint64_t value) { return numbers_.get(value, origin_); }
    Word get(WalkVar var) const { return vars_[static_cast<size_t>(var)]; }
    void set(WalkVar var, Word value) { vars_[static_cast<size_t>(var)] = value; }
    Word binary(Opcode opcode, Word a, Word b) {
        return emit({.op = arithmetic_op(opcode), .a = a, .b = b});
    }
    Word compare(Comparison comparison, Word a, Word b) {
        return emit({.op = compare_op(comparison), .a = a, .b = b});
    }
    Word load(Word base, unsigned offset, unsigned size) {
        return emit(
            {.op = Op::loadx, .size = static_cast<uint8_t>(size), .a = base, .imm = offset});
    }
    Word vlan_present() {
        return environment_.vlan_metadata ? emit({.op = Op::vlan_present}) : constant(0);
    }
    Word vlan_tag() {
        return environment_.vlan_metadata ? emit({.op = Op::vlan_tag}) : constant(0);
    }

    template <class Then, class Otherwise>
    void branch(Comparison comparison, Word a, Word b, Then then, Otherwise otherwise) {
        ways({.kind = Terminator::Kind::branch, .comparison = comparison, .a = a, .b = b}, then,
             otherwise);
    }
    template <class Then, class Otherwise>
    void branch_covers(Word base, unsigned size, Then then, Otherwise otherwise) {
        ways({.kind = Terminator::Kind::branch_index, .a = base, .imm = size}, then, otherwise);
    }

  private:
    using Vars = std::array<Word, kWalkVars>;

    Word emit(Value value) {
        value.origin = origin_;
        function_.values.push_back(value);
        const auto id = static_cast<ValueId>(function_.values.size() - 1);
        if (value.op != Op::param) function_.blocks[block_].body.push_back(id);
        return id;
    }

    BlockId new_block() {
        function_.blocks.emplace_back();
        return static_cast<BlockId>(function_.blocks.size() - 1);
    }

    template <class Then, class Otherwise>
    void ways(Terminator end, Then then, Otherwise otherwise) {
        end.origin = origin_;
        end.then.target = new_block();
        end.otherwise.target = new_block();
        const BlockId then_block = end.then.target, otherwise_block = end.otherwise.target;
        function_.blocks[block_].end = std::move(end);

        const Vars before = vars_;
        block_ = then_block;
        then();
        const Vars after_then = vars_;
        const BlockId then_end = block_;
        vars_ = before;
        block_ = otherwise_block;
        otherwise();
        join(then_end, after_then);
    }

    // Ends the current block and `other` with jumps to a new one.
    void join(BlockId other, const Vars& other_vars) {
        const BlockId mine = block_;
        block_ = new_block();
        Edge from_other{block_, {}}, from_mine{block_, {}};
        for (size_t i = 0; i < vars_.size(); ++i) {
            if (vars_[i] == other_vars[i]) continue;
            from_other.args.push_back(other_vars[i]);
            from_mine.args.push_back(vars_[i]);
            vars_[i] = emit({.op = Op::param});
            function_.blocks[block_].params.push_back(vars_[i]);
        }
        jump(other, std::move(from_other));
        jump(mine, std::move(from_mine));
    }

    void jump(BlockId from, Edge to) {
        function_.blocks[from].end = jump_to(std::move(to), origin_);
    }

    Function& function_;
    BlockId block_;
    uint32_t origin_;
    const Environment& environment_;
    Numbers& numbers_;
    Vars vars_{};
};

// Where the walk goes: before body[index] of a block.
HeaderUses::Place find_place(const Function& function, const HeaderUses& uses) {
    const Cfg cfg(function);
    const Dominators tree(function, cfg);
    const std::vector<BlockId> cycle = cycles(function, cfg);
    BlockId block = uses.places.front().block;
    for (const HeaderUses::Place& use : uses.places) block = tree.common(block, use.block);
    while (cycle[block] != kNone) block = tree.parent(block);
    const auto use = std::ranges::find(uses.places, block, &HeaderUses::Place::block);
    if (use != uses.places.end()) return *use;
    return {block, static_cast<uint32_t>(function.blocks[block].body.size())};
}

}  // namespace

void lift_headers(Function& function, const HeaderUses& uses, const Environment& environment,
                  Numbers& numbers) {
    if (uses.places.empty()) return;
    const auto [block, index] = find_place(function, uses);
    const auto wanted = std::ranges::find_if(uses.values, [](ValueId id) { return id != kNone; });
    const uint32_t origin = function[*wanted].origin;

    // What stands behind the place moves to a block of its own, behind the walk.
    const auto rest = static_cast<BlockId>(function.blocks.size());
    Block behind;
    auto& body = function.blocks[block].body;
    behind.body.assign(body.begin() + index, body.end());
    body.resize(index);
    behind.end = std::move(function.blocks[block].end);
    function.blocks.push_back(std::move(behind));

    Writer writer(function, block, origin, environment, numbers);
    walk::Walk<Writer> walk(writer);
    walk.headers();
    std::array<ValueId, kHeaderFacts + 1> results{};
    for (size_t i = 0; i < kHeaderFacts; ++i)
        results[i] = writer.get(walk_var(static_cast<HeaderFact>(i)));
    if (uses.values[HeaderUses::kHash] != kNone) results[HeaderUses::kHash] = walk.hash5();

    Edge back{rest, {}};
    for (size_t i = 0; i < results.size(); ++i) {
        if (uses.values[i] == kNone) continue;
        back.args.push_back(results[i]);
        function.blocks[rest].params.push_back(uses.values[i]);
    }
    function.blocks[writer.block()].end = jump_to(std::move(back), origin);
    remove_unreachable(function);
}

}  // namespace vfm::ir
