#include "bpfgen/emitter.h"

#include "bpfgen/frame.h"
#include "core/base/check.h"

namespace vfm::bpf {
namespace {

bool fits_off(int64_t distance) { return distance >= INT16_MIN && distance <= INT16_MAX; }

bool is_call(const bpf_insn& insn) { return ebpf::family_of(insn.code) == ebpf::Family::call; }

// Instructions that the kernel may make of one, at most, besides it: what it inlines or converts
// has to be jumped over in 16 bits, too, or it refuses the program.
unsigned growth(const bpf_insn& insn) {
    constexpr unsigned kLookup = 12, kDivision = 6, kContextLoad = 3, kMayGoto = 8, kLoop = 24;
    const auto family = ebpf::family_of(insn.code);
    if (family == ebpf::Family::call) {
        if (insn.imm == BPF_FUNC_loop) return kLoop;
        return insn.imm == BPF_FUNC_map_lookup_elem ? kLookup : 0;
    }
    if (family == ebpf::Family::may_jump) return kMayGoto;
    if (family == ebpf::Family::load) return insn.src_reg == kContext ? kContextLoad : 0;
    if (family != ebpf::Family::alu) return 0;
    const bool divides = BPF_OP(insn.code) == BPF_DIV || BPF_OP(insn.code) == BPF_MOD;
    return divides ? kDivision : 0;
}

}  // namespace

Label Emitter::label() {
    bound_.push_back(kNoLabel);
    used_.push_back(false);
    return {static_cast<uint32_t>(bound_.size() - 1)};
}

void Emitter::bind(Label label) {
    VFM_CHECK(bound_[label.id] == kNoLabel, "a label is bound once");
    bound_[label.id] = static_cast<uint32_t>(items_.size());
}

void Emitter::emit(bpf_insn insn) {
    Item item;
    item.insn = insn;
    item.origin = origin_;
    item.unit = unit_;
    items_.push_back(item);
}

void Emitter::emit(Wide wide) {
    emit(wide.first);
    items_.back().second = wide.second;
    items_.back().form = Item::Form::wide;
}

void Emitter::number(Reg dst, uint64_t value) {
    if (fits_imm(value)) {
        emit(mov_imm(dst, static_cast<int32_t>(value)));
    } else if (value >> 32 == 0) {
        emit(mov32_imm(dst, static_cast<int32_t>(value)));
    } else {
        emit(load_imm64(dst, value));
    }
}

void Emitter::map_address(Reg dst, uint32_t map) {
    emit(load_imm64(dst, 0));
    items_.back().map = map;
}

void Emitter::data_address(Reg dst, uint32_t offset) {
    emit(load_imm64(dst, offset));
    items_.back().data = true;
}

void Emitter::function_address(Reg dst, Label subprogram) {
    emit(ebpf::function_address(dst));
    items_.back().target = subprogram.id;
    used_[subprogram.id] = true;
}

void Emitter::emit_jump(bpf_insn insn, Label target) {
    emit(insn);
    items_.back().target = target.id;
    used_[target.id] = true;
}

void Emitter::drop_empty_jumps() {
    // From the end: a jump over nothing but dropped jumps is empty as well.
    std::vector<uint32_t> next_live(items_.size() + 1);
    next_live[items_.size()] = static_cast<uint32_t>(items_.size());
    for (size_t i = items_.size(); i-- > 0;) {
        Item& item = items_[i];
        const bool plain_jump =
            item.target != kNoLabel && is_jump(item.insn) && !is_conditional(item.insn);
        if (plain_jump && !kept_.contains(item.target) && bound_[item.target] > i &&
            next_live[bound_[item.target]] == next_live[i + 1]) {
            item.form = Item::Form::dropped;
            next_live[i] = next_live[i + 1];
        } else {
            next_live[i] = static_cast<uint32_t>(i);
        }
    }
}

std::vector<uint32_t> Emitter::relax() {
    std::vector<uint32_t> place(items_.size() + 1);
    std::vector<uint32_t> grown(items_.size() + 1);  // where it may be in the kernel
    // Forms only grow, so this ends.
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < items_.size(); ++i) {
            const unsigned slots = items_[i].slots();
            place[i + 1] = place[i] + slots;
            grown[i + 1] = grown[i] + slots + (slots > 0 ? growth(items_[i].insn) : 0);
        }
        for (size_t i = 0; i < items_.size(); ++i) {
            Item& item = items_[i];
            if (item.target == kNoLabel || item.form != Item::Form::plain) continue;
            if (is_call(item.insn)) continue;
            if (fits_off(int64_t{grown[bound_[item.target]]} - int64_t{grown[i]} - 1)) continue;
            const bool may = ebpf::family_of(item.insn.code) == ebpf::Family::may_jump;
            item.form = may                         ? Item::Form::far_may
                        : is_conditional(item.insn) ? Item::Form::far_conditional
                                                    : Item::Form::far;
            changed = true;
        }
    }
    return place;
}

Code Emitter::finish() {
    for (size_t i = 0; i < bound_.size(); ++i) {
        VFM_CHECK(!used_[i] || bound_[i] != kNoLabel, "a label that is jumped to is bound");
    }
    drop_empty_jumps();
    const std::vector<uint32_t> place = relax();

    Code code;
    size_t begun = 0;  // subprograms
    for (size_t i = 0; i < items_.size(); ++i) {
        const Item& item = items_[i];
        if (item.form == Item::Form::dropped) continue;
        const bool begins = begun < subprograms_.size() && subprograms_[begun] == i;
        begun += begins;
        if (code.origins.empty() || begins || code.origins.back().code_offset != item.origin ||
            code.origins.back().unit != item.unit) {
            code.origins.push_back({place[i], item.origin, item.unit});
        }
        if (item.map != kNoMap) code.maps.push_back({place[i], item.map});
        if (item.data) code.data.push_back(place[i]);
        bpf_insn insn = item.insn;
        const int32_t distance =
            item.target == kNoLabel
                ? 0
                : static_cast<int32_t>(place[bound_[item.target]] - place[i] - item.slots());
        switch (item.form) {
            case Item::Form::plain:
                if (item.target != kNoLabel) {
                    if (is_call(insn))
                        insn.imm = distance;
                    else
                        insn.off = static_cast<__s16>(distance);
                }
                code.insns.push_back(insn);
                break;
            case Item::Form::wide:
                // Of a function's address: counted from behind the first half.
                if (item.target != kNoLabel) insn.imm = distance + 1;
                code.insns.push_back(insn);
                code.insns.push_back(item.second);
                break;
            case Item::Form::far:
                code.insns.push_back(jump_far(distance));
                break;
            case Item::Form::far_conditional:
                insn = ebpf::inverted(insn);
                insn.off = 1;
                code.insns.push_back(insn);
                code.insns.push_back(jump_far(distance));
                break;
            case Item::Form::far_may:
                code.insns.push_back(may_goto(1));
                code.insns.push_back(jump(1));
                code.insns.push_back(jump_far(distance));
                break;
            case Item::Form::dropped:
                break;
        }
    }
    for (const uint32_t item : subprograms_) code.subprograms.push_back(place[item]);
    // Of a jump in two instructions the second goes there.
    for (const uint32_t item : restarts_)
        code.restarts.push_back(place[item] + items_[item].slots() - 1);
    return code;
}

}  // namespace vfm::bpf
