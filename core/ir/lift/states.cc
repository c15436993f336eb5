#include "core/ir/lift/states.h"

#include <algorithm>
#include <array>

namespace vfm::ir {
namespace {

class StateFinder {
  public:
    StateFinder(const VerifiedModule& program, std::span<const DepthEffect> effects,
                Scratch& scratch)
        : program_(program),
          effects_(effects),
          scratch_(scratch),
          first_(scratch.array(program.blocks().size(), kNone)),
          further_(scratch),
          found_(scratch),
          open_(scratch),
          postorder_(scratch) {
        // Few blocks are entered at several depths.
        found_.reserve(program.blocks().size());
        postorder_.reserve(program.blocks().size() + 1);
    }

    std::span<const State> run(Function& function) {
        search();
        // No edge may lead to the entry: a program that jumps to its beginning gets a block before.
        const auto before = static_cast<BlockId>(entry_is_target_ ? 1 : 0);
        const size_t count = found_.size() + before;
        const std::span<State> states = scratch_.array<State>(count);
        auto number = static_cast<BlockId>(count);
        for (const uint32_t index : postorder_.all()) found_[index].block = --number;
        function.blocks.resize(count);
        if (entry_is_target_) {
            function.blocks[0].end.kind = Terminator::Kind::jump;
            function.blocks[0].end.then.target = 1;
        }
        for (const Found& found : found_.all()) {
            states[found.block] = found.state;
            finish(found, function.blocks[found.block].end);
        }
        return states;
    }

  private:
    struct Found {
        State state;
        std::array<uint32_t, 2> next = {};  // `then` first
        BlockId block = kNone;
    };
    struct Frame {
        uint32_t index;
        uint32_t left;  // edges still to be followed
    };
    struct Hash {
        uint64_t operator()(uint64_t key) const { return mix(kMixStart, key); }
    };

    const Insn& last_insn(const State& state) const {
        return insns_of(program_, state.code_block).back();
    }

    // Depth first, the last edge first, so that `then` comes before `otherwise` in the end.
    void search() {
        enter(0, 0);
        while (!open_.empty()) {
            Frame& frame = open_.back();
            if (frame.left == 0) {
                postorder_.push_back(frame.index);
                open_.pop_back();
                continue;
            }
            const uint32_t index = frame.index, edge = --frame.left;
            const State from = found_[index].state;
            const Insn& last = last_insn(from);
            const Group group = vfm::op_info(last.op).group;
            const bool jumps = group == Group::jump || (group == Group::branch && edge == 0);
            const auto target = static_cast<uint32_t>(jumps ? last.jump_target() : last.next());
            const auto depth = static_cast<int32_t>(from.depth) + effects_[from.code_block].change;
            const uint32_t to =
                enter(program_.block_of(program_.index_of(target)), static_cast<uint32_t>(depth));
            entry_is_target_ |= to == 0;
            found_[index].next[edge] = to;
        }
    }

    uint32_t enter(uint32_t code_block, uint32_t depth) {
        const auto next = static_cast<uint32_t>(found_.size());
        uint32_t& first = first_[code_block];
        if (first == kNone) {
            first = next;
        } else if (found_[first].state.depth == depth) {
            return first;
        } else {
            const auto [known, is_new] = further_.insert(uint64_t{code_block} << 32 | depth, next);
            if (!is_new) return known;
        }
        found_.push_back({{code_block, depth}});
        open_.push_back({next, edges_of(last_insn(found_.back().state))});
        return next;
    }

    static uint32_t edges_of(const Insn& last) {
        const Group group = vfm::op_info(last.op).group;
        if (group == Group::ret) return 0;
        return group == Group::branch ? 2 : 1;
    }

    void finish(const Found& found, Terminator& end) const {
        const Insn& last = last_insn(found.state);
        const uint32_t edges = edges_of(last);
        end.origin = last.offset;
        if (edges == 0) return;
        end.then.target = found_[found.next[0]].block;
        end.kind = Terminator::Kind::jump;
        if (edges == 1) return;
        end.kind = Terminator::Kind::branch;
        end.comparison = comparison_of(last.op);
        end.otherwise.target = found_[found.next[1]].block;
    }

    const VerifiedModule& program_;
    const std::span<const DepthEffect> effects_;
    Scratch& scratch_;
    const std::span<uint32_t> first_;               // by code block: a state of it
    ScratchMap<uint64_t, uint32_t, Hash> further_;  // those at other depths
    ScratchStack<Found> found_;
    ScratchStack<Frame> open_;
    ScratchStack<uint32_t> postorder_;
    bool entry_is_target_ = false;
};

}  // namespace

std::span<const DepthEffect> depth_effects(const VerifiedModule& program, Scratch& scratch) {
    const auto effects = scratch.array<DepthEffect>(program.blocks().size());
    for (uint32_t block = 0; block < effects.size(); ++block) {
        DepthEffect effect;
        for (const Insn& insn : insns_of(program, block)) {
            const StackEffect step = stack_effect(insn, program.module());
            const auto pops = static_cast<int32_t>(step.pops);
            effect.lowest = std::min(effect.lowest, effect.change - pops);
            effect.change += static_cast<int32_t>(step.pushes) - pops;
        }
        effects[block] = effect;
    }
    return effects;
}

std::span<const State> make_states(const VerifiedModule& program,
                                   std::span<const DepthEffect> effects, Function& function,
                                   Scratch& scratch) {
    return StateFinder(program, effects, scratch).run(function);
}

}  // namespace vfm::ir
