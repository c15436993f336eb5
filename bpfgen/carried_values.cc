#include "bpfgen/carried_values.h"

#include <algorithm>
#include <bit>
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
          taken_(function.blocks.size()),
          stands_for_(function.blocks.size(), ir::kNone),
          of_(function.blocks.size(), ir::kNone) {
        for (const BlockId id : cfg_.order()) find_places(id);
    }

    CarriedSlots run() {
        slots_.of.assign(f_.values.size(), CarriedSlots::kNone);
        // Those of outer loops first.
        std::vector<ValueId> values;
        for (const BlockId id : cfg_.order()) {
            const Block& block = f_.blocks[id];
            values.insert(values.end(), block.params.begin(), block.params.end());
            values.insert(values.end(), block.body.begin(), block.body.end());
        }
        for (const ValueId value : values) {
            if (ir::is_number(f_, value)) continue;
            find_life(value);
            if (at_heads_.empty()) continue;
            slot_ = free_slot();
            if (is_of_head(value)) slots_.of[value] = slot_;
            carry(value);
        }
        return std::move(slots_);
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

    bool is_of_head(ValueId value) const {
        return f_[value].op == ir::Op::param && heads_.at[homes_[value]];
    }

    // Blocks where it is alive when they begin, and heads that carry it.
    void find_life(ValueId value) {
        life_.clear();
        at_heads_.clear();
        if (is_of_head(value)) at_heads_.push_back(homes_[value]);
        const auto enter = [&](BlockId block) {
            if (block == homes_[value] || std::exchange(of_[block], value) == value) return;
            life_.push_back(block);
        };
        for (const BlockId user : users_[value]) enter(user);
        for (size_t i = 0; i < life_.size(); ++i) {
            if (heads_.at[life_[i]]) at_heads_.push_back(life_[i]);
            for (const BlockId before : cfg_.predecessors(life_[i])) enter(before);
        }
    }

    // One that nothing else has at any of those heads.
    uint32_t free_slot() {
        uint32_t word = 0;
        for (;; ++word) {
            uint64_t all = 0;
            for (const BlockId head : at_heads_)
                if (word < taken_[head].size()) all |= taken_[head][word];
            if (~all == 0) continue;
            const auto bit = static_cast<uint32_t>(std::countr_one(all));
            for (const BlockId head : at_heads_) {
                if (taken_[head].size() <= word) taken_[head].resize(word + 1);
                taken_[head][word] |= uint64_t{1} << bit;
            }
            slots_.count = std::max(slots_.count, 64 * word + bit + 1);
            return 64 * word + bit;
        }
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
        slots_.of.push_back(heads_.at[block] ? slot_ : CarriedSlots::kNone);
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
    std::vector<BlockId> life_, at_heads_;     // of the value that is looked at
    uint32_t slot_ = 0;
    std::vector<std::vector<uint64_t>> taken_;  // by block, of heads: slots, a bit each
    CarriedSlots slots_;
    std::vector<ValueId> stands_for_;  // by block, where the value is alive
    std::vector<ValueId> of_;          // by block: the last value that is alive there
};

}  // namespace

CarriedSlots carry_values(ir::Function& function, LoopHeads& heads) {
    const auto begin = static_cast<BlockId>(function.blocks.size());
    const uint32_t origin = function.blocks[0].end.origin;
    function.blocks.push_back(std::move(function.blocks[0]));
    function.blocks[0] = {};
    function.blocks[0].end = ir::jump_to({.target = begin, .args = {}}, origin);
    heads.at.push_back(false);
    return Carrier(function, heads).run();
}

}  // namespace vfm::bpf
