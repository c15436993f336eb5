// Bytecode to IR. A block of the IR is a state: a basic block of the bytecode entered at one depth.
// Blocks are translated in reverse postorder, so that at a merge the stacks of all predecessors are
// known but those that come back along a loop. A slot becomes a parameter where the known ones
// differ, or where a loop may change it.
#include "core/ir/lift/lift.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/ir/form/analysis.h"
#include "core/ir/form/arithmetic.h"
#include "core/ir/form/numbers.h"
#include "core/ir/lift/header_lift.h"
#include "core/ir/lift/set_keys.h"
#include "core/ir/lift/stacks.h"
#include "core/ir/lift/states.h"

namespace vfm::ir {
namespace {

// Parameters, arguments and cells of one function. Real programs need a few thousand; only one
// written to merge hundreds of slots in thousands of places comes near.
constexpr size_t kMaxMerged = size_t{2} << 20;

class Lifter {
  public:
    /// The scratch memory is all free.
    Lifter(const VerifiedModule& program, const Environment& environment, Scratch& scratch)
        : program_(program), environment_(environment), scratch_(scratch) {}

    Result<Function> run() {
        size_t pushes = 0;
        for (const Insn& insn : program_.insns())
            pushes += vfm::op_info(insn.op).group == Group::push ? 1 : 0;
        numbers_.reserve(pushes);
        function_.values.reserve(program_.insns().size() + program_.insns().size() / 4 + 8);
        effects_ = depth_effects(program_, scratch_);
        states_ = make_states(program_, effects_, function_, scratch_);
        const Cfg cfg(function_);
        if (cfg.cyclic()) find_floors(cfg);
        out_ = scratch_.array(states_.size(), Stacks::kEmpty);
        first_slot_ = scratch_.array<uint32_t>(states_.size());
        for (const BlockId block : cfg.order()) {
            if (!enter(block, cfg))
                return refuse(first_insn(block),
                              "the paths through this program merge too many values");
            translate(block);
        }
        if (!slots_.empty()) pass_arguments();
        function_.fuel = program_.fuel();
        lift_headers(function_, headers_, environment_, numbers_);
        numbers_.place();
        return std::move(function_);
    }

  private:
    static std::unexpected<Failure> refuse(const Insn& insn, const std::string& why) {
        return fail(Diagnostic::at_offset("", insn.offset, "IR: " + why), Status::refused);
    }

    const Insn& first_insn(BlockId block) const {
        const uint32_t code = states_[block].code_block;
        return program_.insns()[code == kNone ? 0 : program_.blocks()[code].first];
    }

    // For each cycle the number of slots at the bottom that no block of it touches. If the cycle is
    // entered at one block only, what lies there on entry stays there.
    void find_floors(const Cfg& cfg) {
        cycle_ = cycles(function_, cfg);
        floor_ = scratch_.array(states_.size(), kNone);
        const std::span<BlockId> entered_at = scratch_.array(states_.size(), kNone);
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
        incoming_.clear();
        for (const BlockId pred : preds) {
            if (cfg.position(pred) >= position)
                fixed = floor_[cycle_[block]];
            else
                incoming_.push_back(out_[pred]);
        }
        if (incoming_.empty()) incoming_.push_back(Stacks::kEmpty);
        std::ranges::sort(incoming_);
        drop_repeated();

        // From the top down until the stacks are the same one; then up again with new cells.
        merged_.clear();
        first_slot_[block] = static_cast<uint32_t>(slots_.size());
        for (uint32_t slot = states_[block].depth; slot-- > 0;) {
            const bool same_below = incoming_.size() == 1;
            if (same_below && slot < fixed) break;
            const ValueId first = stacks_.top(incoming_[0]);
            const bool same = std::ranges::all_of(
                incoming_, [&](Stacks::Stack stack) { return stacks_.top(stack) == first; });
            merged_.push_back(same && slot < fixed ? first : kNone);
            if (merged_.back() == kNone) slots_.push_back(slot);
            for (Stacks::Stack& stack : incoming_) stack = stacks_.below(stack);
            drop_repeated();
        }
        const std::span<uint32_t> slots = slots_.all().subspan(first_slot_[block]);
        total_ += slots.size() * (1 + preds.size());
        if (total_ + stacks_.cells() + merged_.size() > kMaxMerged) return false;

        Block& made = function_.blocks[block];
        stack_ = incoming_[0];
        origin_ = first_insn(block).offset;
        for (size_t i = merged_.size(); i-- > 0;) {
            if (merged_[i] == kNone) {
                merged_[i] = add({.op = Op::param, .origin = origin_});
                made.params.push_back(merged_[i]);
            }
            push(merged_[i]);
        }
        std::ranges::reverse(slots);
        return true;
    }

    void drop_repeated() {
        const auto repeated = std::ranges::unique(incoming_);
        incoming_.shrink(static_cast<size_t>(repeated.begin() - incoming_.begin()));
    }

    // Once every block's stack on leaving is known: the values of the parameters on each edge.
    void pass_arguments() {
        for (BlockId from = 0; from < states_.size(); ++from)
            for_each_edge(function_.blocks[from], [&](Edge& edge) {
                const size_t count = function_.blocks[edge.target].params.size();
                const auto slots = slots_.all().subspan(first_slot_[edge.target], count);
                edge.args.resize(count);
                Stacks::Stack stack = out_[from];
                uint32_t slot = states_[edge.target].depth;
                for (size_t i = count; i-- > 0;) {
                    stack = stacks_.below(stack, slot - 1 - slots[i]);
                    slot = slots[i] + 1;
                    edge.args[i] = stacks_.top(stack);
                }
            });
    }

    // ---- instructions ------------------------------------------------------------------------

    ValueId add(Value value) {
        function_.values.push_back(std::move(value));
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
            body_ = &function_.blocks[block].body;
            block_ = block;
            const auto insns = insns_of(program_, at.code_block);
            origin_ = insns.front().offset;
            if (program_.counts_fuel()) emit({.op = Op::fuel, .imm = insns.size()});
            for (const Insn& insn : insns) {
                origin_ = insn.offset;
                instruction(insn);
            }
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
                push(numbers_.get(insn.imm, origin_));
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
            case Group::call:
                call(insn);
                break;
            case Group::set:
                membership(insn);
                break;
            case Group::match: {
                Value made{.op = Op::match, .imm = insn.imm};
                pop_list(stack_effect(insn, program_.module()).pops, made.more);
                push(declared(std::move(made)));
                break;
            }
            case Group::verdict:
                push(declared({.op = Op::verdict, .a = pop(), .imm = insn.imm}));
                break;
            case Group::count:
                declared({.op = Op::count, .a = pop(), .imm = insn.imm});
                break;
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

    // The operands of an instruction that takes `count`, the first pushed first.
    void pop_list(size_t count, IdList& list) {
        list.resize(count);
        for (size_t i = count; i-- > 0;) list[i] = pop();
    }

    // Something that a table of the module decides, or that is counted there.
    ValueId declared(Value value) {
        if (!function_.program) function_.program = program_;
        return emit(std::move(value));
    }

    void membership(const Insn& insn) {
        Value made{.op = Op::member, .a = pop(), .imm = insn.imm};
        if (insn.op == Opcode::IN128) {
            made.op = Op::member128;
            made.b = std::exchange(made.a, pop());
        } else if (const auto& keys = keys_of(insn.imm)) {
            push(*keys == kNone ? numbers_.get(0, origin_)
                                : emit({.op = Op::in_set, .a = made.a, .imm = *keys}));
            return;
        }
        push(declared(std::move(made)));
    }

    // The function's set with the keys of one of the module, if they are few; kNone for one without
    // keys.
    const std::optional<uint32_t>& keys_of(uint64_t number) {
        if (sets_.empty()) sets_.resize(program_.module().sets.size());
        std::optional<uint32_t>& known = sets_[number];
        if (known) return known;
        auto keys = list_keys(program_.module().sets[number], environment_.most_keys);
        if (!keys) return known;
        known = keys->empty() ? kNone : static_cast<uint32_t>(function_.sets.size());
        if (!keys->empty()) function_.sets.push_back(*std::move(keys));
        return known;
    }

    void flow(const Insn& insn) {
        const bool gets = insn.op == Opcode::FLOW_LOAD || insn.op == Opcode::FLOW_GET;
        Value made{.op = gets                          ? Op::flow_get
                         : insn.op == Opcode::FLOW_ADD ? Op::flow_add
                                                       : Op::flow_set,
                   .imm = insn.imm};
        if (!gets) made.b = pop();
        pop_list(program_.module().key_words(insn.imm) - 1, made.more);
        made.a = pop();
        const bool has_result = op_info(made.op).has_result;
        const ValueId id = emit(std::move(made));
        if (has_result) push(id);
    }

    void call(const Insn& insn) {
        Value made{.op = Op::call, .imm = insn.imm};
        pop_list(program_.module().imports[insn.imm].arity, made.more);
        push(emit(std::move(made)));
    }

    const VerifiedModule& program_;
    const Environment& environment_;
    Scratch& scratch_;
    Function function_;
    Numbers numbers_{function_, scratch_};
    std::span<const DepthEffect> effects_;  // by code block
    std::span<const State> states_;         // by block
    std::vector<BlockId> cycle_;
    std::span<uint32_t> floor_;  // by the block that stands for a cycle
    Stacks stacks_{scratch_};
    std::span<Stacks::Stack> out_;            // by block, on leaving it
    ScratchStack<uint32_t> slots_{scratch_};  // that are parameters, ascending for each block
    std::span<uint32_t> first_slot_;          // by block: its part of slots_
    size_t total_ = 0;                        // parameters and arguments
    HeaderUses headers_;
    std::vector<std::optional<uint32_t>> sets_;  // by set of the module: that of the function
    // of the block that is entered
    ScratchStack<Stacks::Stack> incoming_{scratch_};
    ScratchStack<ValueId> merged_{scratch_};
    // of the block that is translated
    BlockId block_ = 0;
    Stacks::Stack stack_ = Stacks::kEmpty;
    IdList* body_ = nullptr;
    uint32_t origin_ = 0;
};

}  // namespace

Result<Function> lift(const VerifiedModule& program, const Environment& environment) {
    // Kept from program to program: a list of a thousand addresses needs so much that the system
    // would be asked for it, and given it back, each time.
    constexpr size_t kKept = size_t{1} << 20;
    static thread_local Scratch scratch;
    scratch.reset();
    auto result = Lifter(program, environment, scratch).run();
    scratch.reset(kKept);
    return result;
}

}  // namespace vfm::ir
