// Bytecode to IR. A block of the IR is a state: a basic block of the bytecode entered at one depth.
// Blocks are translated in reverse postorder, so that at a merge the stacks of all predecessors are
// known but those that come back along a loop. A slot becomes a parameter where the known ones
// differ, or where a loop may change it.
#include "core/ir/lift.h"

#include <algorithm>
#include <unordered_map>

#include "core/ir/analysis.h"
#include "core/ir/arithmetic.h"
#include "core/ir/header_lift.h"
#include "core/ir/stacks.h"

namespace vfm::ir {
namespace {

// Parameters, arguments and cells of one function. Real programs need a few thousand; only one
// written to merge hundreds of slots in thousands of places comes near.
constexpr size_t kMaxMerged = size_t{2} << 20;

struct State {
    uint32_t code_block = kNone;  // kNone for an entry that only leads to the program's first block
    uint32_t depth = 0;
};

// What a basic block of the bytecode does to the depth.
struct DepthEffect {
    int32_t change = 0;
    int32_t lowest = 0;  // slots below depth + lowest are left alone
};

class Lifter {
  public:
    Lifter(const VerifiedModule& program, const Environment& environment)
        : program_(program), environment_(environment) {}

    Result<Function> run() {
        for (const Insn& insn : program_.insns())
            if (!supported(insn.op))
                return refuse(insn, name_of(insn) + " is not supported by this back end");
        find_states();
        const Cfg cfg(function_);
        find_floors(cfg);
        out_.resize(states_.size(), Stacks::kEmpty);
        param_slots_.resize(states_.size());
        for (const BlockId block : cfg.order()) {
            if (!enter(block, cfg))
                return refuse(first_insn(block),
                              "the paths through this program merge too many values");
            translate(block);
        }
        pass_arguments();
        function_.fuel = program_.fuel();
        lift_headers(function_, headers_, environment_);
        remove_unreachable(function_);
        return std::move(function_);
    }

  private:
    static bool supported(Opcode op) {
        switch (vfm::op_info(op).group) {
            case Group::set:
            case Group::call:
            case Group::match:
                return false;
            case Group::load:
            case Group::loadx:
            case Group::push:
            case Group::stack:
            case Group::binary:
            case Group::unary:
            case Group::compare:
            case Group::jump:
            case Group::branch:
            case Group::ret:
            case Group::packet:
            case Group::header:
            case Group::flow:
                return true;
        }
        return false;
    }

    static std::string name_of(const Insn& insn) { return std::string(vfm::op_info(insn.op).name); }

    static std::unexpected<Failure> refuse(const Insn& insn, const std::string& why) {
        return fail(Diagnostic::at_offset("", insn.offset, "IR: " + why), Status::refused);
    }

    const Insn& first_insn(BlockId block) const {
        const uint32_t code = states_[block].code_block;
        return program_.insns()[code == kNone ? 0 : program_.blocks()[code].first];
    }

    std::span<const Insn> insns_of(uint32_t code_block) const {
        const CodeBlock& block = program_.blocks()[code_block];
        return program_.insns().subspan(block.first, block.count);
    }

    // ---- states ------------------------------------------------------------------------------

    BlockId state(uint32_t code_block, uint32_t depth) {
        const uint64_t key = uint64_t{code_block} << 32 | depth;
        const auto [found, is_new] =
            numbers_.try_emplace(key, static_cast<BlockId>(states_.size()));
        if (is_new) {
            states_.push_back({code_block, depth});
            function_.blocks.emplace_back();
        }
        return found->second;
    }

    // Makes a block for each state, with its edges but without arguments.
    void find_states() {
        for (uint32_t block = 0; block < program_.blocks().size(); ++block)
            effects_.push_back(effect_of(block));
        state(0, 0);
        bool entry_is_target = false;
        for (BlockId id = 0; id < states_.size(); ++id) {
            const State from = states_[id];
            const Insn& last = insns_of(from.code_block).back();
            const auto edge_to = [&](int64_t offset) {
                const uint32_t target =
                    program_.block_of(program_.index_of(static_cast<uint32_t>(offset)));
                const auto depth =
                    static_cast<int32_t>(from.depth) + effects_[from.code_block].change;
                const BlockId to = state(target, static_cast<uint32_t>(depth));
                entry_is_target |= to == 0;
                return Edge{to, {}};
            };
            Terminator end;
            end.origin = last.offset;
            switch (vfm::op_info(last.op).group) {
                case Group::ret:
                    break;
                case Group::branch:
                    end.kind = Terminator::Kind::branch;
                    end.comparison = comparison_of(last.op);
                    end.then = edge_to(last.jump_target());
                    end.otherwise = edge_to(last.next());
                    break;
                case Group::jump:
                    end.kind = Terminator::Kind::jump;
                    end.then = edge_to(last.jump_target());
                    break;
                case Group::load:
                case Group::loadx:
                case Group::push:
                case Group::stack:
                case Group::binary:
                case Group::unary:
                case Group::compare:
                case Group::packet:
                case Group::header:
                case Group::flow:
                case Group::set:
                case Group::call:
                case Group::match:
                    end.kind = Terminator::Kind::jump;
                    end.then = edge_to(last.next());
                    break;
            }
            function_.blocks[id].end = std::move(end);
        }
        if (entry_is_target) add_entry();
    }

    // No edge may lead to the entry, so a program that jumps to its beginning gets a block before.
    void add_entry() {
        const auto copy = static_cast<BlockId>(states_.size());
        for (Block& block : function_.blocks)
            for_each_edge(block, [&](Edge& edge) {
                if (edge.target == 0) edge.target = copy;
            });
        states_.push_back(states_[0]);
        states_[0] = {};
        function_.blocks.push_back(std::move(function_.blocks[0]));
        function_.blocks[0] = {};
        function_.blocks[0].end.kind = Terminator::Kind::jump;
        function_.blocks[0].end.then.target = copy;
    }

    DepthEffect effect_of(uint32_t code_block) const {
        DepthEffect effect;
        for (const Insn& insn : insns_of(code_block)) {
            const StackEffect step = stack_effect(insn, program_.module());
            effect.lowest =
                std::min(effect.lowest, effect.change - static_cast<int32_t>(step.pops));
            effect.change += static_cast<int32_t>(step.pushes) - static_cast<int32_t>(step.pops);
        }
        return effect;
    }

    // For each cycle the number of slots at the bottom that no block of it touches. If the cycle is
    // entered at one block only, what lies there on entry stays there.
    void find_floors(const Cfg& cfg) {
        cycle_ = cycles(function_, cfg);
        floor_.assign(states_.size(), kNone);
        std::vector<BlockId> entered_at(states_.size(), kNone);
        for (const BlockId block : cfg.order()) {
            const BlockId cycle = cycle_[block];
            if (cycle == kNone) continue;
            const State& at = states_[block];
            const int32_t lowest = static_cast<int32_t>(at.depth) + effects_[at.code_block].lowest;
            floor_[cycle] = std::min(floor_[cycle], static_cast<uint32_t>(lowest));
            for (const BlockId pred : cfg.predecessors(block)) {
                if (cycle_[pred] == cycle) continue;
                if (entered_at[cycle] != kNone && entered_at[cycle] != block) floor_[cycle] = 0;
                entered_at[cycle] = block;
            }
        }
    }

    // ---- merging -----------------------------------------------------------------------------

    // Sets the block's stack on entry; false if the function becomes too large.
    bool enter(BlockId block, const Cfg& cfg) {
        const auto preds = cfg.predecessors(block);
        const uint32_t position = cfg.position(block);
        uint32_t fixed = kNone;  // slots from here on are parameters
        std::vector<Stacks::Stack> incoming;
        for (const BlockId pred : preds) {
            if (cfg.position(pred) >= position)
                fixed = floor_[cycle_[block]];
            else
                incoming.push_back(out_[pred]);
        }
        if (incoming.empty()) incoming.push_back(Stacks::kEmpty);
        std::ranges::sort(incoming);
        incoming.erase(std::ranges::unique(incoming).begin(), incoming.end());

        // From the top down until the stacks are the same one; then up again with new cells.
        std::vector<ValueId> merged;
        std::vector<uint32_t>& slots = param_slots_[block];
        for (uint32_t slot = states_[block].depth; slot-- > 0;) {
            const bool same_below = incoming.size() == 1;
            if (same_below && slot < fixed) break;
            const ValueId first = stacks_.top(incoming[0]);
            const bool same = std::ranges::all_of(
                incoming, [&](Stacks::Stack stack) { return stacks_.top(stack) == first; });
            merged.push_back(same && slot < fixed ? first : kNone);
            if (merged.back() == kNone) slots.push_back(slot);
            for (Stacks::Stack& stack : incoming) stack = stacks_.below(stack);
            incoming.erase(std::ranges::unique(incoming).begin(), incoming.end());
        }
        merged_ += slots.size() * (1 + preds.size());
        if (merged_ + stacks_.cells() + merged.size() > kMaxMerged) return false;

        Block& made = function_.blocks[block];
        stack_ = incoming[0];
        origin_ = first_insn(block).offset;
        for (auto value = merged.rbegin(); value != merged.rend(); ++value) {
            if (*value == kNone) {
                *value = add({.op = Op::param, .origin = origin_});
                made.params.push_back(*value);
            }
            push(*value);
        }
        std::ranges::reverse(slots);
        return true;
    }

    // Once every block's stack on leaving is known: the values of the parameters on each edge.
    void pass_arguments() {
        for (BlockId from = 0; from < states_.size(); ++from)
            for_each_edge(function_.blocks[from], [&](Edge& edge) {
                const auto& slots = param_slots_[edge.target];
                edge.args.resize(slots.size());
                Stacks::Stack stack = out_[from];
                uint32_t slot = states_[edge.target].depth;
                for (size_t i = slots.size(); i-- > 0;) {
                    stack = stacks_.below(stack, slot - 1 - slots[i]);
                    slot = slots[i] + 1;
                    edge.args[i] = stacks_.top(stack);
                }
            });
    }

    // ---- instructions ------------------------------------------------------------------------

    ValueId add(Value value) {
        function_.values.push_back(value);
        return static_cast<ValueId>(function_.values.size() - 1);
    }
    ValueId emit(Value value) {
        value.origin = origin_;
        const ValueId id = add(value);
        body_->push_back(id);
        return id;
    }
    void push(ValueId value) { stack_ = stacks_.push(stack_, value); }
    ValueId pop() {
        const ValueId value = stacks_.top(stack_);
        stack_ = stacks_.below(stack_);
        return value;
    }

    void translate(BlockId block) {
        const State& at = states_[block];
        if (at.code_block != kNone) {
            IdList body;
            body_ = &body;
            block_ = block;
            const auto insns = insns_of(at.code_block);
            origin_ = insns.front().offset;
            if (program_.counts_fuel()) emit({.op = Op::fuel, .imm = insns.size()});
            for (const Insn& insn : insns) {
                origin_ = insn.offset;
                instruction(insn);
            }
            function_.blocks[block].body = std::move(body);
        }
        out_[block] = stack_;
    }

    void instruction(const Insn& insn) {
        switch (vfm::op_info(insn.op).group) {
            case Group::load:
                load(insn);
                break;
            case Group::loadx:
                load_behind(insn);
                break;
            case Group::push:
                push(emit({.op = Op::constant, .imm = insn.imm}));
                break;
            case Group::stack:
                shuffle(insn);
                break;
            case Group::binary:
                arithmetic(insn);
                break;
            case Group::unary:
                push(emit({.op = arithmetic_op(insn.op), .a = pop()}));
                break;
            case Group::compare: {
                const ValueId b = pop(), a = pop();
                push(emit({.op = compare_op(comparison_of(insn.op)), .a = a, .b = b}));
                break;
            }
            case Group::jump:
                break;
            case Group::branch:
                function_.blocks[block_].end.b = pop();
                function_.blocks[block_].end.a = pop();
                break;
            case Group::ret:
                function_.blocks[block_].end.a = pop();
                break;
            case Group::packet:
                push(emit({.op = packet_op(insn.op)}));
                break;
            case Group::header:
                push(header(insn));
                break;
            case Group::flow:
                flow(insn);
                break;
            case Group::set:
            case Group::call:
            case Group::match:
                break;  // refused before
        }
    }

    void load(const Insn& insn) {
        const unsigned size = load_size(insn.op);
        emit({.op = Op::guard_len, .imm = insn.imm + size});
        push(emit({.op = Op::load, .size = static_cast<uint8_t>(size), .imm = insn.imm}));
    }

    void load_behind(const Insn& insn) {
        const unsigned size = load_size(insn.op);
        const ValueId base = pop();
        emit({.op = Op::guard_index, .a = base, .imm = insn.imm + size});
        push(emit(
            {.op = Op::loadx, .size = static_cast<uint8_t>(size), .a = base, .imm = insn.imm}));
    }

    void shuffle(const Insn& insn) {
        if (insn.op == Opcode::SWAP) {
            const ValueId b = pop(), a = pop();
            push(b);
            push(a);
        } else if (insn.op == Opcode::POP) {
            pop();
        } else {  // DUP and PICK
            push(stacks_.top(stacks_.below(stack_, insn.imm)));
        }
    }

    void arithmetic(const Insn& insn) {
        const ValueId b = pop(), a = pop();
        if (insn.op == Opcode::DIV || insn.op == Opcode::MOD)
            emit({.op = Op::guard_nonzero, .a = b});
        push(emit({.op = arithmetic_op(insn.op), .a = a, .b = b}));
    }

    static Op packet_op(Opcode op) {
        if (op == Opcode::LEN) return Op::len;
        return op == Opcode::NOW ? Op::now : Op::rand;
    }

    ValueId header(const Insn& insn) {
        const size_t what = insn.op == Opcode::HASH5 ? HeaderUses::kHash : insn.imm;
        if (headers_.places.empty() || headers_.places.back().block != block_)
            headers_.places.push_back({block_, static_cast<uint32_t>(body_->size())});
        ValueId& value = headers_.values[what];
        if (value == kNone) value = add({.op = Op::param, .origin = origin_});
        return value;
    }

    void flow(const Insn& insn) {
        const auto table = static_cast<uint8_t>(insn.imm);
        if (insn.op == Opcode::FLOW_LOAD || insn.op == Opcode::FLOW_GET) {
            push(emit({.op = Op::flow_get, .table = table, .a = pop()}));
            return;
        }
        const ValueId b = pop(), a = pop();
        const Op op = insn.op == Opcode::FLOW_ADD ? Op::flow_add : Op::flow_set;
        const ValueId made = emit({.op = op, .table = table, .a = a, .b = b});
        if (op == Op::flow_add) push(made);
    }

    const VerifiedModule& program_;
    const Environment& environment_;
    Function function_;
    std::vector<State> states_;  // by block
    std::unordered_map<uint64_t, BlockId> numbers_;
    std::vector<DepthEffect> effects_;  // by code block
    std::vector<BlockId> cycle_;
    std::vector<uint32_t> floor_;  // by the block that stands for a cycle
    Stacks stacks_;
    std::vector<Stacks::Stack> out_;                  // by block, on leaving it
    std::vector<std::vector<uint32_t>> param_slots_;  // by block, ascending as its parameters
    size_t merged_ = 0;
    HeaderUses headers_;
    // of the block that is translated
    BlockId block_ = 0;
    Stacks::Stack stack_ = Stacks::kEmpty;
    IdList* body_ = nullptr;
    uint32_t origin_ = 0;
};

}  // namespace

Result<Function> lift(const VerifiedModule& program, const Environment& environment) {
    return Lifter(program, environment).run();
}

}  // namespace vfm::ir
