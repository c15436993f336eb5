#include "bpfgen/predict/frame_liveness.h"

namespace vfm::bpf {

FrameLiveness::FrameLiveness(const Code& code, uint32_t start)
    : insns_(code.steps.size()), seen_(code.steps.size()) {
    for (uint32_t at = 0; at < code.steps.size(); ++at) {
        const Step& step = code.steps[at];
        insns_[at].next = {kNone, kNone};
        if (step.is_second_half) continue;
        if (ebpf::goes_on(step.insn.family)) insns_[at].next[0] = code.next(at);
        if (ebpf::jumps(step.insn.family)) insns_[at].next[1] = step.target;
    }
    order_from(start);
}

void FrameLiveness::order_from(uint32_t start) {
    std::vector<bool> found(insns_.size()), open(insns_.size());
    std::vector<uint32_t> pending = {start}, place(insns_.size());
    found[start] = true;
    while (!pending.empty()) {
        const uint32_t at = pending.back();
        if (open[at]) {
            place[at] = static_cast<uint32_t>(order_.size());
            order_.push_back(at);
            pending.pop_back();
            continue;
        }
        open[at] = true;
        for (const uint32_t next : insns_[at].next) {
            if (next == kNone || found[next]) continue;
            found[next] = true;
            pending.push_back(next);
        }
    }
    for (const uint32_t at : order_)
        for (const uint32_t next : insns_[at].next)
            has_cycle_ = has_cycle_ || (next != kNone && place[next] >= place[at]);
}

void FrameLiveness::note(uint32_t at, uint64_t reads, uint64_t writes) {
    Insn& insn = insns_[at];
    const uint64_t all_reads = insn.reads | reads,
                   all_writes = seen_[at] ? insn.writes & writes : writes;
    seen_[at] = true;
    changed_ = changed_ || all_reads != insn.reads || all_writes != insn.writes;
    insn.reads = all_reads;
    insn.writes = all_writes;
}

// Without a cycle it does not matter when: what is known then says it all.
void FrameLiveness::path_ended() {
    if (has_cycle_) update();
}

uint64_t FrameLiveness::before(uint32_t at) {
    if (!has_cycle_) update();
    return insns_[at].live;
}

void FrameLiveness::update() {
    if (!changed_) return;
    changed_ = false;
    for (bool again = true; again;) {
        again = false;
        for (const uint32_t at : order_) {
            Insn& insn = insns_[at];
            uint64_t after = 0;
            bool ends = true;
            for (const uint32_t next : insn.next) {
                if (next == kNone) continue;
                after |= insns_[next].live;
                ends = false;
            }
            if (ends) continue;
            const uint64_t live = (after & ~insn.writes) | insn.reads;
            again = again || live != insn.live;
            insn.live = live;
        }
        again = again && has_cycle_;
    }
}

}  // namespace vfm::bpf
