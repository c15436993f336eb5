#include "bpfgen/regalloc.h"

#include <algorithm>
#include <array>
#include <random>

#include "bpfgen/frame.h"

namespace vfm::bpf {
namespace {

// Instruction i reads at 2i and writes at 2i + 1, so a result may take the place of an operand that
// dies there.
struct Interval {
    uint32_t start = ~uint32_t{0};
    uint32_t end = 0;
    uint32_t origin = 0;
    VReg hint = kNoReg;
    bool crosses_call = false;
    bool exists() const { return start != ~uint32_t{0}; }
};

class Allocator {
  public:
    Allocator(const MFunction& function, RegisterFile registers)
        : function_(function), registers_(std::move(registers)), intervals_(function.next) {}

    void shuffle(uint64_t seed) {
        std::mt19937_64 random(seed);
        std::shuffle(registers_.lost_in_calls.begin(), registers_.lost_in_calls.end(), random);
        std::shuffle(registers_.kept_in_calls.begin(), registers_.kept_in_calls.end(), random);
    }

    std::expected<Allocation, TooDeep> run() {
        find_intervals();
        assign_registers();
        return assign_slots();
    }

  private:
    void reads(VReg reg, uint32_t position) {
        if (is_virtual(reg)) intervals_[reg].end = std::max(intervals_[reg].end, position);
    }
    void writes(VReg reg, uint32_t position, uint32_t origin, VReg hint) {
        if (!is_virtual(reg)) return;
        Interval& interval = intervals_[reg];
        interval.start = position;
        interval.end = std::max(interval.end, position + 1);
        interval.origin = origin;
        interval.hint = hint == kNoReg ? interval.hint : hint;
    }

    void find_intervals() {
        std::vector<uint32_t> calls(function_.insns.size() + 1);  // before instruction i
        for (uint32_t i = 0; i < function_.insns.size(); ++i) {
            const MInsn& insn = function_.insns[i];
            calls[i + 1] = calls[i] + (insn.op == MOp::call);
            reads(insn.a, 2 * i);
            reads(insn.b, 2 * i);
            writes(insn.dst, 2 * i + 1, insn.origin, insn.a);
            if (insn.list == kNoMoves) continue;
            if (insn.op == MOp::label) {
                for (const VReg param : function_.params[insn.list]) {
                    writes(param, 2 * i + 1, insn.origin, kNoReg);
                }
                continue;
            }
            for (const Move& move : function_.moves[insn.list]) {
                reads(move.src, 2 * i);
                // The parameter likes the place of the first value that comes into it.
                if (intervals_[move.dst].hint == kNoReg) intervals_[move.dst].hint = move.src;
            }
        }
        for (VReg reg = kFirstVirtual; reg < function_.next; ++reg) {
            Interval& interval = intervals_[reg];
            if (!interval.exists()) continue;
            order_.push_back(reg);
            const uint32_t first = interval.start / 2 + 1;  // instructions strictly inside
            const uint32_t last = (interval.end + 1) / 2;
            interval.crosses_call = last > first && calls[last] > calls[first];
        }
        std::ranges::sort(order_, {},
                          [&](VReg reg) { return uint64_t{intervals_[reg].start} << 32 | reg; });
    }

    // The registers of the interval, best first.
    std::vector<Reg> choices(const Interval& interval) const {
        std::vector<Reg> list;
        if (!interval.crosses_call) list = registers_.lost_in_calls;
        list.insert(list.end(), registers_.kept_in_calls.begin(), registers_.kept_in_calls.end());
        Reg wanted = 0;
        if (is_virtual(interval.hint)) {
            wanted = in_register_[interval.hint];
        } else if (interval.hint != kNoReg) {
            wanted = static_cast<Reg>(interval.hint);
        }
        const auto found = std::ranges::find(list, wanted);
        if (found != list.end()) std::rotate(list.begin(), found, found + 1);
        return list;
    }

    void assign_registers() {
        in_register_.assign(function_.next, 0);
        std::array<VReg, 11> holder;
        holder.fill(kNoReg);
        for (const VReg reg : order_) {
            const Interval& interval = intervals_[reg];
            for (VReg& held : holder) {
                if (held != kNoReg && intervals_[held].end <= interval.start) held = kNoReg;
            }
            const std::vector<Reg> list = choices(interval);
            const auto free =
                std::ranges::find_if(list, [&](Reg r) { return holder[r] == kNoReg; });
            if (free != list.end()) {
                in_register_[reg] = *free;
                holder[*free] = reg;
                continue;
            }
            // The value that is needed again last waits on the stack.
            VReg victim = reg;
            for (const Reg r : list) {
                if (intervals_[holder[r]].end > intervals_[victim].end) victim = holder[r];
            }
            if (victim != reg) {
                const Reg taken = in_register_[victim];
                in_register_[victim] = 0;
                in_register_[reg] = taken;
                holder[taken] = reg;
            }
        }
    }

    std::expected<Allocation, TooDeep> assign_slots() {
        Allocation allocation;
        allocation.places.resize(function_.next);
        std::vector<VReg> holder;  // by slot
        const int first = registers_.first_spill;
        const size_t most = static_cast<size_t>(first - kFrameEnd) / 8 + 1;
        for (const VReg reg : order_) {
            Place& place = allocation.places[reg];
            if (in_register_[reg] != 0) {
                place.reg = in_register_[reg];
                continue;
            }
            auto slot = std::ranges::find_if(
                holder, [&](VReg held) { return intervals_[held].end <= intervals_[reg].start; });
            if (slot == holder.end()) {
                if (holder.size() == most) return std::unexpected(TooDeep{intervals_[reg].origin});
                slot = holder.insert(holder.end(), reg);
            }
            *slot = reg;
            place.slot = static_cast<int16_t>(first - 8 * (slot - holder.begin()));
        }
        return allocation;
    }

    const MFunction& function_;
    RegisterFile registers_;
    std::vector<Interval> intervals_;
    std::vector<VReg> order_;
    std::vector<Reg> in_register_;  // by virtual register; 0: in a slot
};

}  // namespace

std::expected<Allocation, TooDeep> allocate(const MFunction& function, RegisterFile registers,
                                            uint64_t seed) {
    Allocator allocator(function, std::move(registers));
    if (seed != 0) allocator.shuffle(seed);
    return allocator.run();
}

}  // namespace vfm::bpf
