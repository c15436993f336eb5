#include "bpfgen/reach.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <vector>

#include "core/ir/form/arithmetic.h"
#include "core/isa/limits.h"
#include "core/packet/header_walk.h"

namespace vfm::bpf {
namespace {

// A number that is at most `most`, or all ones, which stands for a header that is not there.
struct Bound {
    uint64_t most = UINT64_MAX;
    bool all_ones = false;
};

// Products and sums of what is below 2^32 do not wrap.
bool is_small(const Bound& bound) { return !bound.all_ones && bound.most <= UINT32_MAX; }

uint64_t ones(uint64_t most) { return most == 0 ? 0 : ~uint64_t{0} >> std::countl_zero(most); }

class Bounds {
  public:
    Bounds(const ir::Function& function, const ir::Cfg& cfg, const ValueFacts& values,
           const LoopHeads& heads)
        : function_(function), values_(values), of_(function.values.size(), {0, false}) {
        for (ir::ValueId id = 0; id < function.values.size(); ++id)
            if (function[id].op == ir::Op::constant) of_[id] = number(function[id].imm);
        for (const ir::BlockId id : cfg.order()) {
            const ir::Block& block = function.blocks[id];
            if (heads.at[id])
                for (const ir::ValueId param : block.params) of_[param] = {};
            for (const ir::ValueId at : block.body) of_[at] = result(at);
            ir::for_each_edge(block, [&](const ir::Edge& edge) {
                const auto& params = function.blocks[edge.target].params;
                for (size_t i = 0; i < params.size(); ++i) {
                    Bound& bound = of_[params[i]];
                    bound.most = std::max(bound.most, of_[edge.args[i]].most);
                    bound.all_ones |= of_[edge.args[i]].all_ones;
                }
            });
        }
    }

    // Of a test that base + size is within the packet, which all ones are not.
    uint64_t end_of(ir::ValueId base, uint64_t size) const {
        return std::min<uint64_t>(of_[base].most,
                                  kMaxPacket - std::min<uint64_t>(size, kMaxPacket)) +
               size;
    }
    // Of the last of the extension headers from packet[at] on.
    uint64_t end_of_walk(ir::ValueId at) const {
        const uint64_t most = std::min<uint64_t>(of_[at].most, kMaxPacket);
        return std::min<uint64_t>(
            most + (walk::kMaxExtensionHeaders - 1) * kLongestHeader + kHeaderBegin, kMaxPacket);
    }

  private:
    // Of an extension header: its length is a byte, in units of eight.
    static constexpr uint64_t kLongestHeader = 8 * 256, kHeaderBegin = 8;

    static Bound number(uint64_t value) {
        return value == ~uint64_t{0} ? Bound{0, true} : Bound{value, false};
    }

    Bound result(ir::ValueId id) const {
        const unsigned bits = values_.bits(id);
        const Bound made = arithmetic(function_[id]);
        if (bits >= 64) return made;
        return {std::min(made.most, (uint64_t{1} << bits) - 1), false};
    }

    Bound arithmetic(const ir::Value& value) const {
        const unsigned operands = ir::op_info(value.op).operands;
        const Bound a = operands > 0 ? of_[value.a] : Bound{}, b = operands > 1 ? of_[value.b] : a;
        const bool small = is_small(a) && is_small(b);
        switch (value.op) {
            case ir::Op::constant:
                return number(value.imm);
            case ir::Op::add:
                // Less than the other, if one is all ones.
                if ((a.all_ones && b.all_ones) || a.most > UINT32_MAX || b.most > UINT32_MAX)
                    return {};
                return {a.most + b.most, a.all_ones || b.all_ones};
            case ir::Op::mul:
                return small ? Bound{a.most * b.most, false} : Bound{};
            case ir::Op::and_:
                if (const auto place = walked_place(value)) return *place;
                if (a.all_ones && b.all_ones) return {};
                return {
                    std::min(a.all_ones ? UINT64_MAX : a.most, b.all_ones ? UINT64_MAX : b.most),
                    false};
            case ir::Op::or_:
            case ir::Op::xor_:
                return small ? Bound{ones(std::max(a.most, b.most)), false} : Bound{};
            case ir::Op::shl: {
                const ir::Value& by = function_[value.b];
                const bool known = by.op == ir::Op::constant && by.imm % 64 <= 32;
                return known && is_small(a) ? Bound{a.most << by.imm % 64, false} : Bound{};
            }
            case ir::Op::shr: {
                const ir::Value& by = function_[value.b];
                const bool known = by.op == ir::Op::constant && !a.all_ones;
                return known ? Bound{a.most >> by.imm % 64, false} : Bound{};
            }
            default:
                return {};
        }
    }

    // Behind the extension headers; of a walk that began in the packet.
    std::optional<Bound> walked_place(const ir::Value& value) const {
        const ir::Value& walk = function_[value.a];
        if (walk.op != ir::Op::extensions || !ir::is_number(function_, value.b, walk::kWalkedPlace))
            return std::nullopt;
        const Bound& begin = of_[walk.a];
        if (!is_small(begin)) return std::nullopt;
        return Bound{begin.most + walk::kMaxExtensionHeaders * kLongestHeader, false};
    }

    const ir::Function& function_;
    const ValueFacts& values_;
    std::vector<Bound> of_;  // by value; of parameters as far as edges have been seen
};

// What a second run would do a second time. A value that is read once more is not one.
bool stays_done(ir::Op op) {
    return ir::op_info(op).effect == ir::Effect::effect && op != ir::Op::flow_get;
}

}  // namespace

Reach find_reach(const ir::Function& function, const ir::Cfg& cfg, const ValueFacts& values,
                 const LoopHeads& heads) {
    Reach reach;
    const Bounds bounds(function, cfg, values, heads);
    std::vector<bool> begins_late(function.blocks.size(), false);
    for (const ir::BlockId id : cfg.order()) {
        const ir::Block& block = function.blocks[id];
        bool late = begins_late[id];
        const auto looks = [&](uint64_t end) {
            reach.whole = std::max(reach.whole, end);
            if (late) reach.late = std::max(reach.late, end);
        };
        for (const ir::ValueId at : block.body) {
            const ir::Value& value = function[at];
            if (value.op == ir::Op::guard_len) looks(value.imm);
            if (value.op == ir::Op::extensions) looks(bounds.end_of_walk(value.a));
            if (value.op == ir::Op::guard_index) looks(bounds.end_of(value.a, value.imm));
            late = late || stays_done(value.op);
        }
        using enum ir::Terminator::Kind;
        if (block.end.kind == branch_len) looks(block.end.imm);
        if (block.end.kind == branch_index) looks(bounds.end_of(block.end.a, block.end.imm));
        ir::for_each_edge(block, [&](const ir::Edge& edge) {
            if (late) begins_late[edge.target] = true;
        });
    }
    if (heads.any()) reach.late = reach.whole;
    return reach;
}

}  // namespace vfm::bpf
