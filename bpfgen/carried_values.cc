#include "bpfgen/carried_values.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/ir/form/analysis.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::ValueId;

// One value after the other: where it is alive, and what stands for it there.
class Carrier {
  public:
    Carrier(ir::Function& function, const LoopHeads& heads)
        : f_(function),
          heads_(heads),
          cfg_(function),
          homes_(function.values.size(), ir::kNone),
          users_(function.values.size()),
          stands_for_(function.blocks.size(), ir::kNone),
          of_(function.blocks.size(), ir::kNone) {
        for (const BlockId id : cfg_.order()) find_places(id);
    }

    void run() {
        const auto count = static_cast<ValueId>(f_.values.size());
        for (ValueId value = 0; value < count; ++value) {
            if (homes_[value] == ir::kNone || ir::is_number(f_, value)) continue;
            if (find_life(value)) carry(value);
        }
    }

  private:
    void find_places(BlockId id) {
        const Block& block = f_.blocks[id];
        for (const ValueId param : block.params) homes_[param] = id;
        for (const ValueId value : block.body) homes_[value] = id;
        const auto use = [&](ValueId value) {
            std::vector<BlockId>& users = users_[value];
            if (users.empty() || users.back() != id) users.push_back(id);
        };
        for (const ValueId value : block.body) ir::for_each_operand(f_[value], use);
        ir::for_each_end_use(block, use);
    }

    // Blocks where it is alive when they begin; true if a head is among them.
    bool find_life(ValueId value) {
        life_.clear();
        const auto enter = [&](BlockId block) {
            if (block == homes_[value] || std::exchange(of_[block], value) == value) return;
            life_.push_back(block);
        };
        for (const BlockId user : users_[value]) enter(user);
        bool head = false;
        for (size_t i = 0; i < life_.size(); ++i) {
            head |= heads_.at[life_[i]];
            for (const BlockId before : cfg_.predecessors(life_[i])) enter(before);
        }
        return head;
    }

    void carry(ValueId value) {
        std::ranges::sort(life_, {}, [&](BlockId block) { return cfg_.position(block); });
        // Only ways round lead to a block from a later one, and those lead to heads.
        std::vector<BlockId> joins;
        for (const BlockId block : life_) {
            const std::optional<ValueId> same =
                heads_.at[block] ? std::nullopt : at_all_ends(cfg_.predecessors(block), value);
            stands_for_[block] = same ? *same : parameter_of(block, value);
            if (!same) joins.push_back(block);
        }
        for (const BlockId user : users_[value])
            if (user != homes_[value]) replace(user, value, stands_for_[user]);
        for (const BlockId join : joins) hand_over(join, value);
    }

    // What stands for the value where a block ends.
    ValueId at_end(BlockId block, ValueId value) const {
        return block == homes_[value] ? value : stands_for_[block];
    }
    std::optional<ValueId> at_all_ends(std::span<const BlockId> blocks, ValueId value) const {
        const ValueId first = at_end(blocks.front(), value);
        const bool same = std::ranges::all_of(
            blocks, [&](BlockId block) { return at_end(block, value) == first; });
        return same ? std::optional(first) : std::nullopt;
    }

    ValueId parameter_of(BlockId block, ValueId value) {
        const auto param = static_cast<ValueId>(f_.values.size());
        f_.values.push_back({.op = ir::Op::param, .origin = f_[value].origin});
        f_.blocks[block].params.push_back(param);
        return param;
    }

    void replace(BlockId block, ValueId value, ValueId by) {
        const auto change = [&](ValueId& used) {
            if (used == value) used = by;
        };
        for (const ValueId at : f_.blocks[block].body) ir::for_each_operand(f_[at], change);
        ir::for_each_end_use(f_.blocks[block], change);
    }

    void hand_over(BlockId join, ValueId value) {
        BlockId done = ir::kNone;  // one with two edges to it stands twice, one behind the other
        for (const BlockId before : cfg_.predecessors(join)) {
            if (std::exchange(done, before) == before) continue;
            ir::for_each_edge(f_.blocks[before], [&](ir::Edge& edge) {
                if (edge.target == join) edge.args.push_back(at_end(before, value));
            });
        }
    }

    ir::Function& f_;
    const LoopHeads& heads_;
    const ir::Cfg cfg_;
    std::vector<BlockId> homes_;               // by value
    std::vector<std::vector<BlockId>> users_;  // by value: blocks
    std::vector<BlockId> life_;
    std::vector<ValueId> stands_for_;  // by block, where the value is alive
    std::vector<ValueId> of_;          // by block: the last value that is alive there
};

}  // namespace

void carry_values(ir::Function& function, LoopHeads& heads) {
    const auto begin = static_cast<BlockId>(function.blocks.size());
    const uint32_t origin = function.blocks[0].end.origin;
    function.blocks.push_back(std::move(function.blocks[0]));
    function.blocks[0] = {};
    function.blocks[0].end = ir::jump_to({.target = begin, .args = {}}, origin);
    heads.at.push_back(false);
    Carrier(function, heads).run();
}

}  // namespace vfm::bpf
