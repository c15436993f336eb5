#include "bpfgen/regalloc.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <queue>
#include <random>
#include <utility>

#include "bpfgen/known_values.h"
#include "bpfgen/liveness.h"

namespace vfm::bpf {
namespace {

constexpr Reg kRegisters = 11;

struct Interval {
    std::span<const LiveRange> ranges;
    uint32_t origin = 0;
    uint32_t accesses = 0;
    VReg hint = kNoReg;
    VReg into = kNoReg;  // the first parameter that it becomes
    uint32_t from() const { return ranges.front().from; }
    uint32_t to() const { return ranges.back().to; }
};

// What lives in one register.
class Tenants {
  public:
    void add(VReg reg, std::span<const LiveRange> ranges) {
        for (const LiveRange& range : ranges) taken_[range.from] = {range.to, reg};
    }
    void remove(std::span<const LiveRange> ranges) {
        for (const LiveRange& range : ranges) taken_.erase(range.from);
    }
    // Who is in the way of the ranges: kNoReg for nobody, kSeveral for more than one.
    static constexpr VReg kSeveral = kNoReg - 1;
    VReg in_the_way(std::span<const LiveRange> ranges) const {
        VReg found = kNoReg;
        for (const LiveRange& range : ranges) {
            auto at = taken_.upper_bound(range.from);
            if (at != taken_.begin() && std::prev(at)->second.to > range.from) --at;
            for (; at != taken_.end() && at->first < range.to; ++at) {
                if (found != kNoReg && found != at->second.reg) return kSeveral;
                found = at->second.reg;
            }
        }
        return found;
    }

  private:
    struct Stay {
        uint32_t to;
        VReg reg;
    };
    std::map<uint32_t, Stay> taken_;  // by the beginning
};

class Allocator {
  public:
    Allocator(const MFunction& function, const RegisterFile& registers)
        : function_(function),
          registers_(registers),
          liveness_(function),
          intervals_(function.next) {
        find_intervals();
    }

    void shuffle(uint64_t seed) {
        std::mt19937_64 random(seed);
        std::shuffle(registers_.lost_in_calls.begin(), registers_.lost_in_calls.end(), random);
        std::shuffle(registers_.kept_in_calls.begin(), registers_.kept_in_calls.end(), random);
        scratch_first_ = random() % 2 == 0;
    }

    std::expected<Allocation, TooDeep> run() {
        if (registers_.scratch_taken == 0) {
            assign_registers();
            const std::vector<VReg> values = values_in_memory();
            Allocation allocation;
            const bool frame = values.empty() || !scratch_first_;
            if (frame && place_in_frame(allocation, values, frame_slots())) return allocation;
        }
        // The address of scratch memory costs less in a register than it would be to fetch it for
        // each value there.
        std::erase(registers_.kept_in_calls, kScratchBase);
        assign_registers();
        return with_scratch();
    }

  private:
    // ---- facts -------------------------------------------------------------------------------

    void find_intervals() {
        for (uint32_t i = 0; i < function_.insns.size(); ++i) {
            const MInsn& insn = function_.insns[i];
            for_each_read(function_, insn, [&](VReg reg) {
                if (is_virtual(reg)) ++intervals_[reg].accesses;
            });
            for_each_write(function_, insn, [&](VReg reg) {
                if (!is_virtual(reg)) return;
                intervals_[reg].origin = insn.origin;
                ++intervals_[reg].accesses;
            });
            if (is_virtual(insn.dst) && insn.a != kNoReg) intervals_[insn.dst].hint = insn.a;
            // An argument of a subprogram is there until it is read.
            if (insn.op == MOp::mov && insn.a < kRegisters && is_virtual(insn.dst))
                losses_[insn.a].push_back(2 * i);
            find_losses(insn, 2 * i + 1);
            if (insn.list == kNoMoves || insn.op == MOp::label) continue;
            // A parameter likes the place of the first value that comes into it.
            for (const Move& move : function_.moves[insn.list]) {
                if (!is_virtual(move.dst)) continue;
                if (intervals_[move.dst].hint == kNoReg) intervals_[move.dst].hint = move.src;
                if (is_virtual(move.src) && intervals_[move.src].into == kNoReg)
                    intervals_[move.src].into = move.dst;
            }
        }
        for (VReg reg = kFirstVirtual; reg < function_.next; ++reg) {
            intervals_[reg].ranges = liveness_.ranges(reg);
            if (!intervals_[reg].ranges.empty()) order_.push_back(reg);
        }
        std::ranges::stable_sort(order_, {}, [&](VReg reg) { return intervals_[reg].from(); });
    }

    void find_losses(const MInsn& insn, uint32_t position) {
        if (insn.op == MOp::call || insn.op == MOp::call_local) {
            for (Reg reg = 0; reg <= 5; ++reg) losses_[reg].push_back(position);
        } else if (insn.dst < kRegisters) {
            losses_[insn.dst].push_back(position);
        }
    }

    // A register that something else is written to in between does not hold the value.
    bool keeps(Reg reg, const Interval& interval) const {
        return std::ranges::none_of(interval.ranges, [&](const LiveRange& range) {
            const auto lost = std::ranges::upper_bound(losses_[reg], range.from);
            return lost != losses_[reg].end() && *lost < range.to;
        });
    }

    // ---- registers ---------------------------------------------------------------------------

    // The registers of the interval, best first.
    std::vector<Reg> choices(const Interval& interval) const {
        std::vector<Reg> list;
        for (const auto* some : {&registers_.lost_in_calls, &registers_.kept_in_calls})
            for (const Reg reg : *some)
                if (keeps(reg, interval)) list.push_back(reg);
        // What becomes a parameter is best where that can stay.
        if (interval.into != kNoReg) {
            std::ranges::stable_partition(
                list, [&](Reg reg) { return keeps(reg, intervals_[interval.into]); });
        }
        const Reg wanted = is_virtual(interval.hint) ? in_register_[interval.hint]
                           : interval.hint == kNoReg ? Reg{0}
                                                     : static_cast<Reg>(interval.hint);
        const auto found = std::ranges::find(list, wanted);
        if (found != list.end()) std::rotate(list.begin(), found, found + 1);
        return list;
    }

    void put(VReg value, Reg reg) {
        in_register_[value] = reg;
        tenants_[reg].add(value, intervals_[value].ranges);
    }

    bool find_free(VReg value, const std::vector<Reg>& list) {
        const auto free = std::ranges::find_if(list, [&](Reg reg) {
            return tenants_[reg].in_the_way(intervals_[value].ranges) == kNoReg;
        });
        if (free != list.end()) put(value, *free);
        return free != list.end();
    }

    void assign_registers() {
        in_register_.assign(function_.next, 0);
        tenants_ = {};
        for (const VReg value : order_) {
            const std::vector<Reg> list = choices(intervals_[value]);
            if (!find_free(value, list)) take_from_last(value, list);
        }
        give_what_is_left();
    }

    // The value that is needed again last waits in memory.
    void take_from_last(VReg value, const std::vector<Reg>& list) {
        VReg victim = value;
        for (const Reg reg : list) {
            const VReg other = tenants_[reg].in_the_way(intervals_[value].ranges);
            if (other != Tenants::kSeveral && intervals_[other].to() > intervals_[victim].to())
                victim = other;
        }
        if (victim == value) return;
        const Reg reg = std::exchange(in_register_[victim], Reg{0});
        tenants_[reg].remove(intervals_[victim].ranges);
        put(value, reg);
    }

    // Who has lost a register later than it was taken leaves room before, in which some fit.
    void give_what_is_left() {
        std::vector<VReg> waiting = values_in_memory();
        std::ranges::stable_sort(waiting, std::greater{},
                                 [&](VReg value) { return intervals_[value].accesses; });
        for (const VReg value : waiting) find_free(value, choices(intervals_[value]));
    }

    // ---- memory ------------------------------------------------------------------------------

    std::vector<VReg> values_in_memory() const {
        std::vector<VReg> values;
        for (const VReg value : order_)
            if (in_register_[value] == 0) values.push_back(value);
        return values;
    }

    // A slot for each value, the lowest that is free; values in the order of their beginnings.
    std::vector<uint32_t> find_slots(const std::vector<VReg>& values) const {
        using Held = std::pair<uint32_t, uint32_t>;  // end, slot
        std::priority_queue<Held, std::vector<Held>, std::greater<>> held;
        std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> free;
        std::vector<uint32_t> slots;
        uint32_t made = 0;
        for (const VReg value : values) {
            while (!held.empty() && held.top().first <= intervals_[value].from()) {
                free.push(held.top().second);
                held.pop();
            }
            uint32_t slot = made;
            if (free.empty()) {
                ++made;
            } else {
                slot = free.top();
                free.pop();
            }
            held.emplace(intervals_[value].to(), slot);
            slots.push_back(slot);
        }
        return slots;
    }

    // False, and nothing is done, if so many slots of the frame have no room for all.
    bool place_in_frame(Allocation& allocation, const std::vector<VReg>& values,
                        uint32_t most) const {
        const std::vector<uint32_t> slots = find_slots(values);
        if (first_above(slots, most) != slots.size()) return false;
        allocation.places.resize(function_.next);
        for (const VReg value : order_) allocation.places[value].reg = in_register_[value];
        for (size_t i = 0; i < values.size(); ++i) {
            const int off = registers_.first_spill - 8 * static_cast<int>(slots[i]);
            allocation.places[values[i]] = {kFrame, true, static_cast<int16_t>(off)};
        }
        return true;
    }

    // What the kernel's verifier must know stays in the frame.
    std::expected<Allocation, TooDeep> with_scratch() const {
        const std::vector<bool> known = find_known_values(function_);
        std::vector<VReg> in_frame, in_scratch;
        for (const VReg value : values_in_memory())
            (known[value] ? in_frame : in_scratch).push_back(value);
        const std::vector<uint32_t> slots = find_slots(in_scratch);
        const uint32_t taken = registers_.scratch_taken;
        const uint32_t all = (taken > 0 ? 1 : kMostScratchValues) * kScratchSlots;
        const uint32_t room = all - std::min(taken, all);
        if (first_above(slots, room) != slots.size()) return too_deep(in_scratch, room);
        Allocation allocation{.places = {}, .scratch_slots = taken};
        for (const uint32_t slot : slots)
            allocation.scratch_slots = std::max(allocation.scratch_slots, taken + slot + 1);
        const uint32_t addresses = std::max(scratch_values(allocation.scratch_slots), 1u) - 1;
        const uint32_t most = frame_slots() - addresses;
        if (!place_in_frame(allocation, in_frame, most)) return too_deep(in_frame, most);
        for (size_t i = 0; i < slots.size(); ++i)
            allocation.places[in_scratch[i]] = scratch_place(taken + slots[i]);
        return allocation;
    }

    Place scratch_place(uint32_t slot) const {
        const auto off = static_cast<int16_t>(8 * (slot % kScratchSlots));
        const uint32_t value = slot / kScratchSlots;
        if (value == 0) return {kScratchBase, true, off};
        return {kFrame, true, off, scratch_address_slot(value, registers_.frame_end)};
    }

    uint32_t frame_slots() const {
        return static_cast<uint32_t>(registers_.first_spill - registers_.frame_end) / 8 + 1;
    }
    static size_t first_above(const std::vector<uint32_t>& slots, uint32_t most) {
        const auto at = std::ranges::find_if(slots, [&](uint32_t slot) { return slot >= most; });
        return static_cast<size_t>(at - slots.begin());
    }
    std::unexpected<TooDeep> too_deep(const std::vector<VReg>& values, uint32_t most) const {
        const VReg first = values[first_above(find_slots(values), most)];
        return std::unexpected(TooDeep{intervals_[first].origin});
    }

    const MFunction& function_;
    RegisterFile registers_;
    bool scratch_first_ = false;
    const Liveness liveness_;
    std::vector<Interval> intervals_;
    std::vector<VReg> order_;                               // by the beginning
    std::array<std::vector<uint32_t>, kRegisters> losses_;  // where something else is
    std::array<Tenants, kRegisters> tenants_;
    std::vector<Reg> in_register_;  // by virtual register; 0: in memory
};

}  // namespace

Failure refusal_of(const TooDeep& deep) {
    return {Status::refused,
            Diagnostic::at_offset("", deep.origin,
                                  fmt::format("eBPF: too deep for eBPF at +{:#x}", deep.origin))};
}

std::expected<Allocation, TooDeep> allocate(const MFunction& function,
                                            const RegisterFile& registers, uint64_t seed) {
    Allocator allocator(function, registers);
    if (seed != 0) allocator.shuffle(seed);
    return allocator.run();
}

}  // namespace vfm::bpf
