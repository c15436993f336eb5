#include "bpfgen/fuel.h"

#include <algorithm>
#include <optional>
#include <ranges>

#include "core/ir/form/analysis.h"

namespace vfm::bpf {
namespace {

using ir::Block;
using ir::BlockId;
using ir::Op;
using ir::ValueId;

// What runs that come to a place have taken, the least and the most.
struct Taken {
    uint64_t least = 0, most = 0;
};

class Settler {
  public:
    explicit Settler(ir::Function& function)
        : f_(function),
          cfg_(function),
          certain_(function.values.size(), false),
          dropped_(function.values.size(), false) {}

    std::vector<bool> run() {
        find_certain();
        drop_unneeded();
        ir::remove_unreachable(f_);
        return std::move(certain_);
    }

  private:
    void find_certain() {
        std::vector<std::optional<Taken>> at(f_.blocks.size());  // where a block begins
        at[0] = Taken{};
        for (const BlockId id : cfg_.order()) {
            if (!at[id]) continue;  // every run has ended before
            Block& block = f_.blocks[id];
            const std::optional<Taken> end = through(block, *at[id]);
            if (!end) continue;
            ir::for_each_edge(block, [&](const ir::Edge& edge) {
                std::optional<Taken>& next = at[edge.target];
                next =
                    next ? Taken{std::min(next->least, end->least), std::max(next->most, end->most)}
                         : *end;
            });
        }
    }

    // Nothing if no run comes to the end of the block.
    std::optional<Taken> through(Block& block, Taken taken) {
        for (size_t i = 0; i < block.body.size(); ++i) {
            const ir::Value& value = f_[block.body[i]];
            if (value.op != Op::fuel) continue;
            // A run has taken no more than there was.
            if (value.imm > f_.fuel - taken.least) {
                block.end = {.kind = ir::Terminator::Kind::trap,
                             .error = ErrorKind::limit,
                             .origin = value.origin};
                block.body.resize(i);
                return std::nullopt;
            }
            certain_[block.body[i]] = value.imm <= f_.fuel - taken.most;
            taken.least += value.imm;
            taken.most = std::min(f_.fuel - value.imm, taken.most) + value.imm;
        }
        return taken;
    }

    // From the ends: an amount is counted if a test follows.
    void drop_unneeded() {
        std::vector<bool> tests(f_.blocks.size(), false);  // in the block or behind it
        for (const BlockId id : std::views::reverse(cfg_.order())) {
            Block& block = f_.blocks[id];
            bool follows = false;
            ir::for_each_edge(block, [&](const ir::Edge& edge) { follows |= tests[edge.target]; });
            for (size_t i = block.body.size(); i-- > 0;) {
                if (f_[block.body[i]].op != Op::fuel) continue;
                if (certain_[block.body[i]] && !follows) dropped_[block.body[i]] = true;
                follows |= !certain_[block.body[i]];
            }
            erase_if(block.body, [&](ValueId value) { return dropped_[value]; });
            tests[id] = follows;
        }
    }

    ir::Function& f_;
    const ir::Cfg cfg_;
    std::vector<bool> certain_, dropped_;  // by value
};

}  // namespace

std::vector<bool> settle_fuel(ir::Function& function) {
    if (ir::Cfg(function).cyclic()) return std::vector<bool>(function.values.size(), false);
    return Settler(function).run();
}

}  // namespace vfm::bpf
