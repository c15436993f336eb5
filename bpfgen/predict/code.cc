#include "bpfgen/predict/code.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace vfm::bpf {
namespace {

using ebpf::Family;
using ebpf::Op;

constexpr uint16_t bit(unsigned reg) { return static_cast<uint16_t>(1U << reg); }
constexpr uint64_t kMostFrameBytes = 8 * 512;
constexpr uint16_t kArguments = 0b111110, kClobbered = 0b111111;

struct Access {
    uint16_t reads = 0, writes = 0;
};

uint16_t arguments_of(const Step& step) {
    if (step.insn.op == Op::CALL_LOCAL) return kArguments;
    const unsigned count = helper_arguments(step.insn.imm).value_or(5);
    return static_cast<uint16_t>(((1U << count) - 1) << 1);
}

Access registers_of(const Step& step) {
    const ebpf::DecodedInsn& insn = step.insn;
    const uint16_t dst = bit(insn.dst), src = bit(insn.src), both = dst | src;
    switch (insn.family) {
        case Family::alu: {
            const uint16_t right = insn.has_immediate ? uint16_t{0} : src;
            if (insn.op == Op::MOV) return {right, dst};
            return {static_cast<uint16_t>(dst | right), dst};
        }
        case Family::negate:
        case Family::swap:
            return {dst, dst};
        case Family::branch:
            return {insn.has_immediate ? dst : both, 0};
        case Family::jump:
        case Family::may_jump:
            return {};
        case Family::call:
            return {arguments_of(step), kClobbered};
        case Family::exit:
            return {bit(0), 0};
        case Family::wide:
            return {0, dst};
        case Family::load:
            return {src, dst};
        case Family::store_imm:
            return {dst, 0};
        case Family::store:
            return {both, 0};
        case Family::atomic:
            if (insn.op == Op::CMPXCHG) return {static_cast<uint16_t>(both | bit(0)), bit(0)};
            return {both, (ebpf::row_of(insn.op).selector & BPF_FETCH) ? src : uint16_t{0}};
    }
    return {};
}

template <class Each>
void for_successors(const Code& code, uint32_t at, Each each) {
    const Step& step = code.steps[at];
    if (ebpf::jumps(step.insn.family)) each(step.target);
    if (ebpf::goes_on(step.insn.family)) each(code.next(at));
}

struct Frame {
    std::optional<int64_t> offset[11];  // of registers that hold an address in the frame
};

struct SlotAccess {
    uint64_t reads = 0, writes = 0;
};

SlotAccess slots_of_call(const Step& step, const Frame& frame,
                         const std::array<const Map*, 11>& maps) {
    SlotAccess access;
    const unsigned count =
        step.insn.op == Op::CALL_LOCAL ? 5 : helper_arguments(step.insn.imm).value_or(5);
    for (unsigned reg = 1; reg <= count; ++reg) {
        if (!frame.offset[reg]) continue;
        const Map* map = maps[1];
        const bool is_key = reg == 2,
                   is_map_call = step.insn.op == Op::CALL && map && (is_key || reg == 3);
        if (is_map_call)
            access.reads |=
                slots_of_frame(*frame.offset[reg], is_key ? map->key_size : map->value_size);
        else
            access.reads = ~uint64_t{0};
    }
    return access;
}

/// What each instruction reads and writes of the frame. An address that comes from elsewhere than
/// straight before is taken to be of the whole frame at calls, which costs exactness only.
std::vector<SlotAccess> frame_accesses(Code& code) {
    std::vector<SlotAccess> accesses(code.steps.size());
    Frame frame;
    std::array<const Map*, 11> maps{};
    for (uint32_t at = 0; at < code.steps.size(); ++at) {
        const Step& step = code.steps[at];
        if (step.is_second_half) continue;
        const ebpf::DecodedInsn& insn = step.insn;
        if (step.compares && at > 0 && code.steps[at].is_joined) {
            frame = {};
            maps = {};
        }
        frame.offset[ebpf::kFrame] = 0;
        const bool reads = insn.family == Family::load || insn.family == Family::atomic;
        const unsigned base = insn.family == Family::load ? insn.src : insn.dst;
        const bool is_memory =
            reads || insn.family == Family::store || insn.family == Family::store_imm;
        if (is_memory && frame.offset[base]) {
            const int64_t off = *frame.offset[base] + insn.off;
            if (reads)
                accesses[at].reads = slots_of_frame(off, insn.bytes);
            else if (insn.bytes == 8 && off % 8 == 0)
                accesses[at].writes = slots_of_frame(off, 8);
        }
        for (const auto& offset : frame.offset)
            if (offset && *offset < 0 && *offset >= -512)
                code.steps[at].depth =
                    std::max(code.steps[at].depth, static_cast<uint16_t>(-*offset));
        if (is_memory && frame.offset[base])
            code.steps[at].depth =
                std::max(code.steps[at].depth, static_cast<uint16_t>(std::clamp<int64_t>(
                                                   -(*frame.offset[base] + insn.off), 0, 512)));
        if (insn.family == Family::call) accesses[at] = slots_of_call(step, frame, maps);
        const std::optional<int64_t> moved =
            insn.op == Op::MOV && !insn.has_immediate && insn.is_wide ? frame.offset[insn.src]
            : insn.op == Op::ADD && insn.has_immediate && insn.is_wide && frame.offset[insn.dst]
                ? std::optional(*frame.offset[insn.dst] + static_cast<int64_t>(insn.imm))
                : std::nullopt;
        const uint16_t written = registers_of(step).writes;
        for (unsigned reg = 0; reg < ebpf::kFrame; ++reg) {
            if (!(written & bit(reg))) continue;
            frame.offset[reg] = insn.family == Family::alu ? moved : std::nullopt;
            maps[reg] = step.address == Address::map ? &code.program->maps[step.map] : nullptr;
        }
    }
    return accesses;
}

void find_live(Code& code) {
    const std::vector<SlotAccess> slots = frame_accesses(code);
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t at = static_cast<uint32_t>(code.steps.size()); at-- > 0;) {
            Step& step = code.steps[at];
            if (step.is_second_half) continue;
            uint16_t live = 0;
            uint64_t live_slots = 0;
            for_successors(code, at, [&](uint32_t next) {
                live |= code.steps[next].live;
                live_slots |= code.steps[next].live_slots;
            });
            const Access access = registers_of(step);
            live = static_cast<uint16_t>((live & ~access.writes) | access.reads);
            live_slots = (live_slots & ~slots[at].writes) | slots[at].reads;
            changed |= live != step.live || live_slots != step.live_slots;
            step.live = live;
            step.live_slots = live_slots;
        }
    }
}

bool is_place(const Code& code, int64_t at) {
    return at >= 0 && at < std::ssize(code.steps) &&
           !code.steps[static_cast<size_t>(at)].is_second_half;
}

bool find_places(Code& code) {
    for (uint32_t at = 0; at < code.steps.size(); ++at) {
        Step& step = code.steps[at];
        if (step.is_second_half) continue;
        const Family family = step.insn.family;
        const bool function = step.address == Address::function;
        const bool jumps = function || ebpf::jumps(family) || step.insn.op == Op::CALL_LOCAL;
        const int64_t target =
            int64_t{at} + 1 + (function ? static_cast<int32_t>(step.insn.imm) : step.insn.distance);
        const bool goes_on = ebpf::goes_on(family);
        if ((jumps && !is_place(code, target)) || (goes_on && !is_place(code, code.next(at))))
            return false;
        if (jumps) {
            step.target = static_cast<uint32_t>(target);
            code.steps[step.target].compares = code.steps[step.target].is_joined = true;
        }
        if (family == Family::branch || step.insn.op == Op::CALL_LOCAL) step.compares = true;
        if (family == Family::call) {
            code.steps[code.next(at)].compares = code.steps[code.next(at)].is_joined = true;
        }
    }
    return true;
}

}  // namespace

uint64_t slots_of_frame(int64_t off, int64_t bytes) {
    uint64_t slots = 0;
    for (int64_t at = off; at < off + bytes; ++at)
        if (at >= -512 && at < 0) slots |= uint64_t{1} << ((-at - 1) / 8);
    return slots;
}

std::optional<unsigned> helper_arguments(uint64_t helper) {
    switch (helper) {
        case BPF_FUNC_ktime_get_ns:
        case BPF_FUNC_get_prandom_u32:
        case BPF_FUNC_get_smp_processor_id:
            return 0;
        case BPF_FUNC_xdp_get_buff_len:
            return 1;
        case BPF_FUNC_map_lookup_elem:
        case BPF_FUNC_map_delete_elem:
        case BPF_FUNC_skb_pull_data:
            return 2;
        case BPF_FUNC_loop:
        case BPF_FUNC_tail_call:
            return 3;
        case BPF_FUNC_map_update_elem:
        case BPF_FUNC_skb_load_bytes:
        case BPF_FUNC_xdp_load_bytes:
            return 4;
        default:
            return std::nullopt;
    }
}

std::optional<Code> prepare(const Program& program) {
    Code code{.program = &program, .steps = std::vector<Step>(program.insns.size())};
    if (code.steps.empty()) return std::nullopt;
    for (uint32_t at = 0; at < code.steps.size(); ++at) {
        Step& step = code.steps[at];
        const auto insn = ebpf::decode(program.insns, at);
        if (!insn) return std::nullopt;
        step.insn = *insn;
        if (insn->op == Op::CALL && !helper_arguments(insn->imm)) return std::nullopt;
        const bool function = insn->family == Family::wide && insn->src == BPF_PSEUDO_FUNC;
        if (function) step.address = Address::function;
        code.has_rounds |= function || insn->family == Family::may_jump;
        if (insn->slots() == 2) code.steps[++at].is_second_half = true;
    }
    for (const MapReference& reference : program.map_references) {
        code.steps[reference.insn].address = Address::map;
        code.steps[reference.insn].map = reference.map;
    }
    for (const uint32_t at : program.data_references) code.steps[at].address = Address::data;
    if (!find_places(code)) return std::nullopt;
    find_live(code);
    return code;
}

namespace {

// The longest path from each instruction on. A place is an instruction and what may still happen:
// the restarts behind the last one that was made, and, within a loop that goes round a known number
// of times, how often the run may still go back.
class LongestPath {
  public:
    LongestPath(const Code& code, unsigned rounds)
        : code_(code),
          restarts_(code.program->restarts),
          rounds_(std::max(1U, rounds)),
          places_(code.steps.size() * (restarts_.size() + 1) * rounds_) {}

    std::optional<uint64_t> run() {
        find_ways_back();
        if (rounds_ == 1 && !back_.empty()) return std::nullopt;
        const size_t start = index({.at = 0, .made = 0, .back = rounds_ - 1});
        std::vector<size_t> pending = {start};
        while (!pending.empty()) {
            const size_t index_here = pending.back();
            if (places_[index_here].mark == Mark::done) {
                pending.pop_back();
                continue;
            }
            places_[index_here].mark = Mark::open;
            const Place here = place(index_here);
            const Step& step = code_.steps[here.at];
            int64_t rest = kNoWay, called = 0;
            bool ends = true;
            const auto visit = [&](const std::optional<Place>& next) {
                ends = false;
                if (!next) return;
                const Found& found = places_[index(*next)];
                if (found.mark == Mark::fresh) pending.push_back(index(*next));
                rest = std::max(rest, found.length);
            };
            if (step.insn.op == Op::CALL_LOCAL) {
                visit(Place{.at = step.target, .made = here.made, .back = rounds_ - 1});
                called = std::exchange(rest, kNoWay);
            }
            for_successors(code_, here.at, [&](uint32_t next) { visit(behind(here, next)); });
            if (pending.back() != index_here) continue;
            pending.pop_back();
            places_[index_here].mark = Mark::done;
            places_[index_here].length = ends ? 1 : rest == kNoWay ? kNoWay : 1 + called + rest;
        }
        return static_cast<uint64_t>(std::max<int64_t>(places_[start].length, 0));
    }

  private:
    static constexpr int64_t kNoWay = -1;  // all that follows has happened as often as it may
    enum class Mark : uint8_t { fresh, open, done };
    struct Found {
        Mark mark = Mark::fresh;
        int64_t length = kNoWay;
    };
    struct Place {
        uint32_t at;
        size_t made;    // restarts up to the last one that was made
        uint32_t back;  // times that the run may still go back
    };

    size_t index(const Place& place) const {
        return (place.at * (restarts_.size() + 1) + place.made) * rounds_ + place.back;
    }
    Place place(size_t index) const {
        const size_t before = index / rounds_, made = before % (restarts_.size() + 1);
        return {.at = static_cast<uint32_t>(before / (restarts_.size() + 1)),
                .made = made,
                .back = static_cast<uint32_t>(index % rounds_)};
    }

    bool is_restart(uint32_t at, uint32_t next) const {
        return next <= at && std::ranges::binary_search(restarts_, at);
    }

    // Loops that follow each other have their rounds each: what comes to a loop from before it may
    // go back as often as any. Nothing where the restart has been made, or if it has been round as
    // often as it may.
    std::optional<Place> behind(const Place& here, uint32_t next) const {
        if (is_restart(here.at, next)) {
            const auto restart = std::ranges::lower_bound(restarts_, here.at);
            const size_t made = static_cast<size_t>(restart - restarts_.begin()) + 1;
            if (made <= here.made) return std::nullopt;
            return Place{.at = next, .made = made, .back = rounds_ - 1};
        }
        Place there = {.at = next, .made = here.made, .back = here.back};
        if (back_.contains({here.at, next})) {
            if (here.back == 0) return std::nullopt;
            --there.back;
        } else if (heads_.contains(next)) {
            there.back = rounds_ - 1;
        }
        return there;
    }

    // Jumps that lead to where the way to them has been before, and are no restarts.
    void find_ways_back() {
        std::vector<Mark> marks(code_.steps.size(), Mark::fresh);
        std::vector<uint32_t> pending = {0};
        while (!pending.empty()) {
            const uint32_t at = pending.back();
            if (marks[at] != Mark::fresh) {
                marks[at] = Mark::done;
                pending.pop_back();
                continue;
            }
            marks[at] = Mark::open;
            const auto visit = [&](uint32_t next) {
                if (is_restart(at, next)) return;
                if (marks[next] == Mark::fresh) pending.push_back(next);
                if (marks[next] != Mark::open) return;
                back_.emplace(at, next);
                heads_.insert(next);
            };
            if (code_.steps[at].insn.op == Op::CALL_LOCAL) visit(code_.steps[at].target);
            for_successors(code_, at, visit);
        }
    }

    const Code& code_;
    const std::vector<uint32_t>& restarts_;
    const uint32_t rounds_;
    std::vector<Found> places_;
    std::set<std::pair<uint32_t, uint32_t>> back_;
    std::set<uint32_t> heads_;
};

}  // namespace

std::optional<uint64_t> longest_path(const Code& code) {
    return LongestPath(code, code.program->rounds).run();
}

uint64_t deepest_stack(const Code& code) {
    const auto calls = [](const Step& step) {
        return step.insn.op == Op::CALL_LOCAL || step.address == Address::function;
    };
    std::vector<uint64_t> starts = {0};
    for (const Step& step : code.steps)
        if (!step.is_second_half && calls(step)) starts.push_back(step.target);
    std::ranges::sort(starts);
    const auto repeated = std::ranges::unique(starts);
    starts.erase(repeated.begin(), repeated.end());
    // A function ends where the next begins; who calls stands before or behind.
    std::vector<uint64_t> depth(starts.size(), 0);
    for (size_t round = 0; round < starts.size(); ++round) {
        for (size_t i = 0; i < starts.size(); ++i) {
            const uint64_t end = i + 1 < starts.size() ? starts[i + 1] : code.steps.size();
            uint64_t own = 0, called = 0;
            for (uint64_t at = starts[i]; at < end; ++at) {
                const Step& step = code.steps[at];
                own = std::max<uint64_t>(own, step.depth);
                if (step.is_second_half || !calls(step)) continue;
                const auto callee = std::ranges::lower_bound(starts, uint64_t{step.target});
                called = std::max(called, depth[static_cast<size_t>(callee - starts.begin())]);
            }
            if (starts.size() > 1) own = std::max<uint64_t>(32, (own + 31) / 32 * 32);
            depth[i] = std::min<uint64_t>(own + called, kMostFrameBytes);
        }
    }
    return depth[0];
}

}  // namespace vfm::bpf
