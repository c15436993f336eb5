#include "userspace/jit/x64/allocate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <queue>
#include <utility>

namespace vfm::jit {
namespace {

using ir::kNone;
using ir::ValueId;

// Those that need no saving first, of these the ones with the shortest instructions.
constexpr std::array<uint8_t, 11> kPreference = {rcx, rax, rdx, r8,  r9, rbx,
                                                 rbp, r12, r13, r14, r15};

class Allocator {
  public:
    Allocator(const ir::Function& function, Plan& plan, uint64_t seed)
        : function_(function), plan_(plan), seeded_(seed != 0) {
        for (const uint8_t id : kPreference) {
            if (id == rdx && plan.uses_state) continue;
            if (id == r9 && plan.has_fuel) continue;
            registers_[count_++] = id;
        }
        if (seeded_) permute(seed);
        for (unsigned i = 0; i < count_; ++i) usable_ |= register_bit(registers_[i]);
    }

    Frame run() {
        std::ranges::reverse(plan_.made);
        std::ranges::reverse(plan_.clobbers);
        size_t clobber = 0;
        for (const ValueId id : plan_.made) {
            const uint32_t start = plan_[id].start;
            for (; clobber < plan_.clobbers.size() && plan_.clobbers[clobber].position <= start;
                 ++clobber)
                note_live(plan_.clobbers[clobber]);
            place(id);
        }
        for (; clobber < plan_.clobbers.size(); ++clobber) note_live(plan_.clobbers[clobber]);
        give_slots();
        return frame_;
    }

  private:
    // A test's choice: other registers, and between 1 and all of them.
    void permute(uint64_t seed) {
        uint64_t state = seed;
        const auto next = [&](uint64_t below) {
            state = state * 6364136223846793005 + 1442695040888963407;
            return (state >> 33) % below;
        };
        for (unsigned i = count_; i > 1; --i) std::swap(registers_[i - 1], registers_[next(i)]);
        count_ = 1 + static_cast<unsigned>(next(count_));
    }

    void place(ValueId id) {
        ValuePlan& plan = plan_[id];
        // Something made that nobody uses needs a register for a moment.
        plan.end = std::max(plan.end, plan.start + 1);
        const unsigned chosen = choose(plan);
        if (chosen != kNoRegister) {
            take(chosen, id);
            return;
        }
        // The one that is needed last waits in the frame for all of its life.
        unsigned victim = kNoRegister;
        uint32_t furthest = plan.end;
        for (unsigned i = 0; i < count_; ++i)
            if (busy_until_[registers_[i]] > furthest) {
                victim = registers_[i];
                furthest = busy_until_[victim];
            }
        if (victim == kNoRegister) {
            spill(id);
            return;
        }
        spill(occupant_[victim]);
        take(victim, id);
    }

    bool is_free(unsigned reg, uint32_t from) const {
        return (usable_ >> reg & 1) != 0 && busy_until_[reg] <= from;
    }

    unsigned choose(const ValuePlan& plan) const {
        if (!seeded_) {
            if (plan.hint != kNoRegister && is_free(plan.hint, plan.start)) return plan.hint;
            if (plan.friend_value != kNone) {
                const Location friendly = plan_[plan.friend_value].location;
                if (friendly.is_register() && is_free(friendly.id(), plan.start))
                    return friendly.id();
            }
        }
        for (unsigned i = 0; i < count_; ++i)
            if (busy_until_[registers_[i]] <= plan.start) return registers_[i];
        return kNoRegister;
    }

    void take(unsigned reg, ValueId id) {
        busy_until_[reg] = plan_[id].end;
        occupant_[reg] = id;
        plan_[id].location = Location::in_register(reg);
        frame_.pushed |= register_bit(reg) & kCalleeSaved;
    }

    void spill(ValueId id) {
        spilled_ = true;
        if (ir::is_load(function_[id].op)) {
            plan_[id].location = Location::in_packet();
            return;
        }
        plan_[id].location = Location::in_slot(0);  // which one is decided when all are known
    }

    void note_live(Clobber& clobber) {
        for (unsigned i = 0; i < count_; ++i) {
            const unsigned reg = registers_[i];
            if (busy_until_[reg] > clobber.position &&
                plan_[occupant_[reg]].start < clobber.position)
                clobber.live |= register_bit(reg);
        }
        if (clobber.incoming & incoming_packet) clobber.live |= register_bit(rdi);
        if (clobber.incoming & incoming_length) clobber.live |= register_bit(rsi);
        if (plan_.uses_state && (clobber.incoming & incoming_state))
            clobber.live |= register_bit(rdx);
        if (plan_.has_fuel) clobber.live |= register_bit(r9);
        frame_.saved |= clobber.live & kCallerSaved;
    }

    void give_slots() {
        if (spilled_ || plan_.borrows) frame_.saved |= kBorrowed;
        if (!spilled_) return;
        using Ending = std::pair<uint32_t, uint32_t>;  // position, slot
        std::priority_queue<Ending, std::vector<Ending>, std::greater<>> in_use;
        for (const ValueId id : plan_.made) {
            ValuePlan& plan = plan_[id];
            if (!plan.location.is_slot()) continue;
            uint32_t slot = frame_.slots;
            if (!in_use.empty() && in_use.top().first <= plan.start) {
                slot = in_use.top().second;
                in_use.pop();
            } else {
                ++frame_.slots;
            }
            in_use.push({plan.end, slot});
            plan.location = Location::in_slot(slot);
        }
    }

    const ir::Function& function_;
    Plan& plan_;
    const bool seeded_;
    std::array<uint8_t, kPreference.size()> registers_{};
    unsigned count_ = 0;
    uint32_t usable_ = 0;
    std::array<uint32_t, 16> busy_until_{};
    std::array<ValueId, 16> occupant_{};
    bool spilled_ = false;
    Frame frame_;
};

}  // namespace

Frame allocate_registers(const ir::Function& function, Plan& plan, uint64_t seed) {
    return Allocator(function, plan, seed).run();
}

}  // namespace vfm::jit
