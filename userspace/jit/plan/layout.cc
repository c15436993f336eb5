#include "userspace/jit/plan/layout.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/ir/form/analysis.h"

namespace vfm::jit {
namespace {

using ir::BlockId;
using ir::Function;
using ir::kNone;
using ir::Terminator;

// True if the block only ends the run: it can stand anywhere.
bool is_exit(const Function& function, BlockId id) {
    const ir::Block& block = function.blocks[id];
    return block.body.empty() &&
           (block.end.kind == Terminator::Kind::ret || block.end.kind == Terminator::Kind::trap);
}

// Reverse postorder. The successor that is visited last comes next: the likely one, which is
// the one with the long packet, or the one that goes on. True if the function has cycles.
bool order_blocks(const Function& function, Plan& plan) {
    constexpr uint32_t kOpen = kNone - 1;
    struct Frame {
        BlockId block;
        std::array<BlockId, 2> next;
        unsigned left;
    };
    auto& order = plan.order;
    auto& place_of = plan.place_of;
    order.clear();
    place_of.assign(function.blocks.size(), kNone);
    std::vector<Frame> stack;
    stack.reserve(64);
    bool cyclic = false;
    const auto enter = [&](BlockId id) {
        place_of[id] = kOpen;
        const Terminator& end = function.blocks[id].end;
        Frame frame{id, {}, 0};
        if (end.kind == Terminator::Kind::jump) {
            frame.next[frame.left++] = end.then.target;
        } else if (ir::is_branch(end)) {
            const bool then_next =
                end.kind != Terminator::Kind::branch ||
                (is_exit(function, end.otherwise.target) && !is_exit(function, end.then.target));
            frame.next = {end.then.target, end.otherwise.target};
            if (!then_next) std::swap(frame.next[0], frame.next[1]);
            frame.left = 2;
        }
        stack.push_back(frame);
    };
    enter(0);
    while (!stack.empty()) {
        Frame& top = stack.back();
        if (top.left > 0) {
            const BlockId next = top.next[--top.left];
            if (place_of[next] == kNone)
                enter(next);
            else if (place_of[next] == kOpen)
                cyclic = true;
            continue;
        }
        place_of[top.block] = 0;  // done
        order.push_back(top.block);
        stack.pop_back();
    }
    std::ranges::reverse(order);
    for (uint32_t i = 0; i < order.size(); ++i) place_of[order[i]] = i;
    return cyclic;
}

// What lives into a stretch of blocks that are on cycles lives to its end: any of them may come
// again. Stretches that overlap in the order of blocks are one.
void find_cycles(const Function& function, Plan& plan) {
    const ir::Cfg cfg(function);
    const std::vector<BlockId> cycle = ir::cycles(function, cfg);
    const size_t count = plan.order.size();
    std::vector<uint32_t> last(function.blocks.size(), 0);
    for (uint32_t i = 0; i < count; ++i)
        if (cycle[plan.order[i]] != kNone) last[cycle[plan.order[i]]] = i;
    plan.stretch.assign(count, kNone);
    for (uint32_t i = 0; i < count;) {
        const BlockId member = cycle[plan.order[i]];
        if (member == kNone) {
            ++i;
            continue;
        }
        uint32_t end = last[member];
        for (uint32_t at = i; at <= end; ++at)
            if (const BlockId other = cycle[plan.order[at]]; other != kNone)
                end = std::max(end, last[other]);
        for (; i <= end; ++i) plan.stretch[i] = end;
    }
    plan.loop_heads.assign(count, false);
    for (uint32_t i = 0; i < count; ++i)
        ir::for_each_edge(function.blocks[plan.order[i]], [&](const ir::Edge& edge) {
            if (const uint32_t to = plan.place_of[edge.target]; to <= i) plan.loop_heads[to] = true;
        });
}

}  // namespace

void lay_out(const Function& function, Plan& plan) {
    plan.stretch.clear();
    plan.loop_heads.clear();
    if (order_blocks(function, plan)) find_cycles(function, plan);
}

}  // namespace vfm::jit
