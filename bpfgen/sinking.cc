#include "bpfgen/sinking.h"

#include <algorithm>
#include <ranges>
#include <vector>

#include "core/ir/form/analysis.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Function;
using ir::kNone;
using ir::OpKind;
using ir::Value;
using ir::ValueId;

// A place among a block's operations is searched for; a function with more is not worth that.
constexpr size_t kMostValues = 20'000;

class Sinking {
  public:
    Sinking(Function& function, const ir::Cfg& cfg)
        : f_(function),
          cfg_(cfg),
          dominators_(function, cfg),
          wanted_at_(function.values.size(), kNone) {}

    // From the ends on, so that where a value's uses are is known when it is met.
    void run() {
        for (const BlockId id : std::views::reverse(cfg_.order())) {
            ir::for_each_end_use(f_.blocks[id], [&](ValueId value) { want(value, id); });
            const ir::IdList body = f_.blocks[id].body;
            for (const ValueId value : std::views::reverse(body)) {
                const BlockId to = wanted_at_[value];
                const bool moves = to != kNone && to != id && can_move(f_[value]);
                if (moves) move(value, id, to);
                ir::for_each_operand(f_[value],
                                     [&](ValueId operand) { want(operand, moves ? to : id); });
            }
        }
    }

  private:
    void want(ValueId value, BlockId at) {
        BlockId& place = wanted_at_[value];
        place = place == kNone ? at : dominators_.common(place, at);
    }

    bool can_move(const Value& value) const {
        switch (ir::op_info(value.op).kind) {
            case OpKind::length:
            case OpKind::load:
            case OpKind::load_raw:
            case OpKind::unary:
                return true;
            case OpKind::binary:
            case OpKind::compare:
                return ir::is_number(f_, value.a) || ir::is_number(f_, value.b);
            default:
                return false;
        }
    }

    void move(ValueId value, BlockId from, BlockId to) {
        erase_if(f_.blocks[from].body, [&](ValueId id) { return id == value; });
        ir::IdList& body = f_.blocks[to].body;
        body.insert(std::ranges::find_if(body, [&](ValueId id) { return uses(id, value); }), value);
    }
    bool uses(ValueId id, ValueId value) const {
        bool found = false;
        ir::for_each_operand(f_[id], [&](ValueId operand) { found |= operand == value; });
        return found;
    }

    Function& f_;
    const ir::Cfg& cfg_;
    const ir::Dominators dominators_;
    std::vector<BlockId> wanted_at_;  // by value: where the ways to its uses part
};

}  // namespace

void sink_values(Function& function) {
    const ir::Cfg cfg(function);
    if (cfg.cyclic() || function.values.size() > kMostValues) return;
    Sinking(function, cfg).run();
}

}  // namespace vfm::bpf
