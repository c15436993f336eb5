#include "bpfgen/predict/walk.h"

#include <algorithm>

#include "bpfgen/predict/predict.h"

namespace vfm::bpf {
namespace {

// States of programs that are near the limit: beyond, the model gives up rather than the machine.
constexpr uint64_t kMostKeptBytes = uint64_t{1} << 30;

// When the verifier keeps a state: so many jumps and instructions after the last, or when the way
// there would be a long one to write down.
constexpr uint64_t kJumpsBetween = 2, kInsnsBetween = 8;
constexpr uint32_t kMostNotes = 40;
constexpr uint64_t kJumpsInLoop = 20, kInsnsInLoop = 100;
constexpr uint32_t kMostMisses = 3;

uint64_t bytes_of(const Path& path) {
    uint64_t bytes = sizeof(Kept) + path.trail.size() * sizeof(Trail);
    for (const FunctionState& frame : path.frames)
        bytes += sizeof frame + frame.slots.size() * sizeof(Slot);
    return bytes;
}

}  // namespace

Walk::Walk(const Code& code, uint64_t most, const Subprogram* subprogram)
    : code_(code),
      liveness_(code, subprogram ? subprogram->insn : 0),
      most_(most),
      kept_at_(code.steps.size()) {
    path_.frames.resize(1);
    if (subprogram == nullptr) {
        reg(1) = Value::pointer(Kind::context);
    } else {
        at_ = subprogram->insn;
        for (unsigned i = 1; i <= subprogram->parameters; ++i) reg(i) = Value::of({});
    }
    reg(ebpf::kFrame) = Value::pointer(Kind::frame);
}

bool Walk::run() {
    for (;;) {
        if (++processed_ > most_) return true;
        if (kept_bytes_ > kMostKeptBytes) {
            processed_ = most_ + 1;
            return true;
        }
        noted_ = false;
        const Step& here = code_.steps[at_];
        Next next = Next::path_ends;
        if (!here.compares || !is_seen()) {
            if (here.is_joined) note(0, Trail::kNoSlot);
            const uint32_t here_at = at_;
            slots_read_ = slots_written_ = 0;
            next = step();
            liveness_.note(here_at, slots_read_, slots_written_);
        }
        if (next == Next::unknown) return false;
        if (next == Next::go_on) continue;
        end_path();
        liveness_.path_ended();
        if (pending_.empty()) return true;
        path_ = std::move(pending_.back().path);
        at_ = pending_.back().at;
        pending_.pop_back();
    }
}

/// The verifier has been here knowing no more than now. Else it may keep the state.
bool Walk::is_seen() {
    const bool forced = path_.notes > kMostNotes;
    const uint64_t jumps = jumps_ - jumps_when_kept_, insns = processed_ - processed_when_kept_;
    bool keeps = forced || (jumps >= kJumpsBetween && insns >= kInsnsBetween);
    std::vector<uint32_t>& here = kept_at_[at_];
    for (const uint32_t i : here) clean(kept_[i]);
    for (size_t i = here.size(); i-- > 0;) {
        Kept& then = kept_[here[i]];
        if (then.open > 0) {
            if (!forced && jumps < kJumpsInLoop && insns < kInsnsInLoop) keeps = false;
        } else if (covers(code_, then, path_)) {
            ++then.hits;
            Marks wanted = then.precise;
            for (size_t frame = 0; frame < then.frames.size(); ++frame) {
                if (frame + 1 != then.frames.size()) continue;
                wanted.regs[frame] &= code_.steps[at_].live;
                wanted.slots[frame] &= then.live_slots;
            }
            mark_precise(code_, kept_, path_, wanted, 0);
            return true;
        }
        if (keeps) ++then.misses;
        if (then.misses > then.hits * kMostMisses + kMostMisses)
            here.erase(here.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (keeps) keep();
    return false;
}

/// From then on only what is known to be alive is compared. Of functions that are called within
/// others it is worked out before.
void Walk::clean(Kept& then) {
    if (then.open > 0 || then.has_ended) return;
    then.has_ended = true;
    then.live_slots =
        then.frames.size() == 1 ? liveness_.before(then.at) : code_.steps[then.at].live_slots;
}

void Walk::keep() {
    jumps_when_kept_ = jumps_;
    processed_when_kept_ = processed_;
    kept_bytes_ += bytes_of(path_);
    Kept kept;
    kept.frames = path_.frames;
    kept.trail = std::move(path_.trail);
    kept.at = at_;
    kept.parent = path_.parent;
    path_.trail.clear();
    path_.notes = 0;
    path_.parent = static_cast<uint32_t>(kept_.size());
    kept_at_[at_].push_back(path_.parent);
    kept_.push_back(std::move(kept));
}

void Walk::end_path() {
    for (uint32_t at = path_.parent; at != Path::kNoKept; at = kept_[at].parent)
        if (--kept_[at].open > 0) return;
}

Walk::Next Walk::step() {
    const Step& step = code_.steps[at_];
    const ebpf::DecodedInsn& insn = step.insn;
    path_.trail.push_back({.at = at_, .frame = static_cast<uint8_t>(path_.frames.size() - 1)});
    const uint32_t next = code_.next(at_);
    switch (insn.family) {
        case ebpf::Family::alu:
        case ebpf::Family::negate:
        case ebpf::Family::swap:
            arithmetic(insn);
            break;
        case ebpf::Family::wide:
            reg(insn.dst) =
                step.address == Address::map ? Value::pointer(Kind::map, step.map)
                : step.address == Address::data
                    ? Value::pointer(Kind::map_value, kDataMap, static_cast<int32_t>(insn.imm))
                    : Value::of(Scalar::known(insn.imm));
            break;
        case ebpf::Family::load:
            load(insn);
            break;
        case ebpf::Family::store:
        case ebpf::Family::store_imm:
            store(insn);
            break;
        case ebpf::Family::atomic:
            exchange(insn);
            break;
        case ebpf::Family::may_jump:
            break;
        case ebpf::Family::jump:
            ++jumps_;
            at_ = step.target;
            return Next::go_on;
        case ebpf::Family::call:
            ++jumps_;
            return call(step);
        case ebpf::Family::exit:
            ++jumps_;
            if (path_.frames.size() == 1) return Next::path_ends;
            leave();
            return Next::go_on;
        case ebpf::Family::branch:
            ++jumps_;
            return branch(step);
    }
    at_ = next;
    return Next::go_on;
}

void Walk::name(Value& value) {
    if (value.kind != Kind::number) return;
    if (value.is_sum) {
        value.name = 0;
        value.is_sum = false;
        value.offset = 0;
    }
    if (value.name == 0 && !value.number.is_known()) value.name = new_name();
}

/// The values of these registers decide something at this instruction.
void Walk::need(unsigned reg_mask) {
    Marks wanted;
    const FunctionState& top = path_.top();
    for (unsigned i = 0; i < top.regs.size(); ++i)
        if ((reg_mask >> i & 1) && top.regs[i].kind == Kind::number)
            wanted.regs[path_.frames.size() - 1] |= static_cast<uint16_t>(1U << i);
    mark_precise(code_, kept_, path_, wanted, 1);
}

/// What the verifier writes down of an instruction is one note.
void Walk::note(uint8_t frame, uint8_t slot) {
    if (slot != Trail::kNoSlot) {
        path_.trail.back().slot = slot;
        path_.trail.back().slot_frame = frame;
    }
    if (!noted_) ++path_.notes;
    noted_ = true;
}

Prediction predict(const Program& program, uint64_t most) {
    Prediction prediction;
    prediction.maps = count_maps(program);
    const auto code = prepare(program);
    if (!code) return prediction;
    prediction.stack = deepest_stack(*code);
    const bool calls_back = std::ranges::any_of(program.subprograms, &Subprogram::is_round);
    if (!calls_back) prediction.longest_path = longest_path(*code);
    if (code->has_rounds) return prediction;
    Walk walk(*code, most);
    if (!walk.run()) return prediction;
    prediction.processed = walk.processed();
    prediction.pending = walk.most_pending();
    for (const Subprogram& subprogram : program.subprograms) {
        Walk called(*code, most, &subprogram);
        if (!called.run()) {
            prediction.processed.reset();
            prediction.pending = 0;
            return prediction;
        }
        prediction.processed = *prediction.processed + called.processed();
        prediction.pending = std::max(prediction.pending, called.most_pending());
    }
    return prediction;
}

}  // namespace vfm::bpf
