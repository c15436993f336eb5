#include "bpfgen/select.h"

#include <algorithm>
#include <optional>

#include "bpfgen/fixed_inputs.h"
#include "bpfgen/frame.h"
#include "core/ebpf/arithmetic.h"

namespace vfm::bpf {
namespace {

// A move between two places, or of a number (no source).
struct PlacedMove {
    Place dst;
    std::optional<Place> src;
    uint64_t imm = 0;
};

class Selector {
  public:
    Selector(const MFunction& function, const Allocation& allocation, Emitter& emitter,
             bool fixed_inputs)
        : function_(function),
          allocation_(allocation),
          emitter_(emitter),
          fixed_inputs_(fixed_inputs) {}

    void run() {
        for (const MInsn& insn : function_.insns) {
            emitter_.origin(insn.origin);
            one(insn);
        }
        for (const Trampoline& trampoline : trampolines_) {
            emitter_.origin(trampoline.origin);
            emitter_.bind(trampoline.entry);
            moves(trampoline.moves);
            emitter_.emit_jump(trampoline.target);
        }
    }

  private:
    // The moves of a conditional jump that is taken: they stand behind all blocks.
    struct Trampoline {
        Label entry;
        std::vector<PlacedMove> moves;
        Label target;
        uint32_t origin;
    };

    Place place(VReg reg) const {
        return is_virtual(reg) ? allocation_.places[reg] : Place{.reg = static_cast<Reg>(reg)};
    }

    // The register that holds `reg` now; `scratch` if it had to be reloaded.
    Reg read(VReg reg, Reg scratch) {
        const Place at = place(reg);
        if (!at.in_memory) return at.reg;
        fetch(scratch, at);
        return scratch;
    }

    // The register that points to a place in memory; `scratch` if its address had to be fetched.
    Reg base(Place at, Reg scratch) {
        if (at.address_slot == 0) return at.reg;
        emitter_.emit(load(8, scratch, kFrame, at.address_slot));
        return scratch;
    }
    void fetch(Reg dst, Place at) { emitter_.emit(load(8, dst, base(at, dst), at.off)); }
    // Takes r1, or r0 if the value is there.
    void keep(Place at, Reg value) {
        const Reg to = base(at, value == kScratch2 ? kScratch : kScratch2);
        emitter_.emit(store(8, to, at.off, value));
    }

    // The register to write `reg` to; done() puts it where it belongs.
    Reg target(VReg reg) const {
        const Place at = place(reg);
        return at.in_memory ? kScratch : at.reg;
    }
    void done(VReg reg) {
        const Place at = place(reg);
        if (at.in_memory) keep(at, kScratch);
    }

    void copy(Reg dst, VReg src) {
        const Place at = place(src);
        if (at.in_memory) {
            fetch(dst, at);
        } else if (at.reg != dst) {
            emitter_.emit(mov(dst, at.reg));
        }
    }

    void arithmetic(const MInsn& insn) {
        VReg a = insn.a;
        VReg b = insn.b;
        Reg dst = target(insn.dst);
        const Place right = place(b);
        const bool overwrites_right = !right.in_memory && right.reg == dst && place(a) != right;
        if (overwrites_right && ebpf::commutes(insn.code)) std::swap(a, b);
        const bool through_scratch = overwrites_right && !ebpf::commutes(insn.code);
        if (through_scratch) dst = kScratch;
        copy(dst, a);
        emitter_.emit(alu(insn.code, dst, read(b, kScratch2)));
        if (through_scratch) emitter_.emit(mov(target(insn.dst), dst));
        done(insn.dst);
    }

    void one(const MInsn& insn) {
        switch (insn.op) {
            case MOp::mov:
            case MOp::entry: {
                const Place to = place(insn.dst);
                const Place from = place(insn.a);
                if (to == from) return;
                if (to.in_memory) {
                    keep(to, read(insn.a, kScratch));
                } else {
                    copy(to.reg, insn.a);
                }
                return;
            }
            case MOp::number:
                number(place(insn.dst), insn.imm, kScratch);
                return;
            case MOp::alu:
                arithmetic(insn);
                return;
            case MOp::alu_imm: {
                const Reg dst = target(insn.dst);
                copy(dst, insn.a);
                emitter_.emit(alu_imm(insn.code, dst, static_cast<int32_t>(insn.imm)));
                done(insn.dst);
                return;
            }
            case MOp::neg: {
                const Reg dst = target(insn.dst);
                copy(dst, insn.a);
                emitter_.emit(neg(dst));
                done(insn.dst);
                return;
            }
            case MOp::to_be: {
                const Reg dst = target(insn.dst);
                copy(dst, insn.a);
                emitter_.emit(to_be(dst, 8 * insn.size));
                done(insn.dst);
                return;
            }
            case MOp::load:
                emitter_.emit(load(insn.size, target(insn.dst), read(insn.a, kScratch), insn.off));
                done(insn.dst);
                return;
            case MOp::store: {
                const Reg base = read(insn.a, kScratch);
                emitter_.emit(store(insn.size, base, insn.off, read(insn.b, kScratch2)));
                return;
            }
            case MOp::store_imm:
                emitter_.emit(store_imm(insn.size, read(insn.a, kScratch), insn.off,
                                        static_cast<int32_t>(insn.imm)));
                return;
            case MOp::fetch_add:
                emitter_.emit(fetch_add(read(insn.a, kScratch), insn.off, place(insn.b).reg));
                return;
            case MOp::compare_exchange: {
                // r0 holds what is compared.
                const Reg base = read(insn.a, kScratch2);
                const Reg free = base == kScratch2 ? static_cast<Reg>(insn.dst) : kScratch2;
                emitter_.emit(compare_exchange(base, insn.off, read(insn.b, free)));
                return;
            }
            case MOp::map_address:
                emitter_.map_address(target(insn.dst), static_cast<uint32_t>(insn.imm));
                done(insn.dst);
                return;
            case MOp::data_address:
                emitter_.data_address(target(insn.dst), static_cast<uint32_t>(insn.imm));
                done(insn.dst);
                return;
            case MOp::call: {
                const auto helper = static_cast<int32_t>(insn.imm);
                if (!fixed_inputs_ || !fixed_input(emitter_, helper)) emitter_.emit(call(helper));
                return;
            }
            case MOp::call_local:
                if (insn.list != kNoMoves) moves(placed(insn.list));
                emitter_.emit_call(insn.label);
                return;
            case MOp::label:
                emitter_.bind(insn.label);
                return;
            case MOp::jump:
                if (insn.list != kNoMoves) moves(placed(insn.list));
                emitter_.emit_jump(insn.label);
                return;
            case MOp::branch: {
                const Reg a = read(insn.a, kScratch);
                const Reg b = read(insn.b, kScratch2);
                branch(insn, [&](unsigned code) { return jump_if(code, a, b, insn.narrow); });
                return;
            }
            case MOp::branch_imm: {
                const Reg a = read(insn.a, kScratch);
                const auto number = static_cast<int32_t>(insn.imm);
                branch(insn,
                       [&](unsigned code) { return jump_if_imm(code, a, number, insn.narrow); });
                return;
            }
            case MOp::may_goto:
                emitter_.emit_jump(may_goto(), insn.label);
                return;
            case MOp::exit:
                emitter_.emit(exit_insn());
                return;
        }
    }

    template <class MakeJump>
    void branch(const MInsn& insn, MakeJump jump_on) {
        const Label to = destination(insn);
        if (!insn.around) {
            emitter_.emit_jump(jump_on(insn.code), to);
            return;
        }
        const Skip skip(emitter_);
        emitter_.emit_jump(jump_on(opposite(insn.code)), skip.label);
        emitter_.emit_jump(to);
    }

    Label destination(const MInsn& insn) {
        if (insn.list == kNoMoves) return insn.label;
        std::vector<PlacedMove> list = placed(insn.list);
        if (list.empty()) return insn.label;
        trampolines_.push_back({emitter_.label(), std::move(list), insn.label, insn.origin});
        return trampolines_.back().entry;
    }

    // Without those that move nothing.
    std::vector<PlacedMove> placed(uint32_t index) const {
        std::vector<PlacedMove> list;
        for (const Move& move : function_.moves[index]) {
            PlacedMove out{.dst = place(move.dst), .src = std::nullopt, .imm = move.imm};
            if (move.src != kNoReg) out.src = place(move.src);
            if (out.src != out.dst) list.push_back(out);
        }
        return list;
    }

    void number(Place dst, uint64_t value, Reg scratch) {
        if (!dst.in_memory) {
            emitter_.number(dst.reg, value);
        } else if (fits_imm(value)) {
            emitter_.emit(store_imm(8, base(dst, scratch), dst.off, static_cast<int32_t>(value)));
        } else {
            emitter_.number(scratch, value);
            keep(dst, scratch);
        }
    }

    void move(const PlacedMove& m) {
        if (!m.src) {
            number(m.dst, m.imm, kScratch2);
        } else if (m.src->in_memory) {
            const Reg via = m.dst.in_memory ? kScratch2 : m.dst.reg;
            fetch(via, *m.src);
            if (m.dst.in_memory) keep(m.dst, via);
        } else if (m.dst.in_memory) {
            keep(m.dst, m.src->reg);
        } else {
            emitter_.emit(mov(m.dst.reg, m.src->reg));
        }
    }

    // Makes the moves as if at once. r0 breaks a cycle; it is free again before the next one
    // breaks, because everything that waits for it goes first. Where moves need r0 themselves, a
    // slot of the frame that is free at jumps does it.
    void moves(std::vector<PlacedMove> pending) {
        const bool need_r0 = std::ranges::any_of(
            pending, [](const PlacedMove& m) { return m.dst.address_slot != 0; });
        const Place spare = need_r0 ? Place{kFrame, true, kValueSlot} : Place{.reg = kScratch};
        while (!pending.empty()) {
            const auto ready = std::ranges::find_if(pending, [&](const PlacedMove& m) {
                return std::ranges::none_of(
                    pending, [&](const PlacedMove& other) { return other.src == m.dst; });
            });
            if (ready != pending.end()) {
                move(*ready);
                pending.erase(ready);
                continue;
            }
            const Place lost = pending.front().dst;
            move({.dst = spare, .src = lost});
            for (PlacedMove& m : pending) {
                if (m.src == lost) m.src = spare;
            }
        }
    }

    const MFunction& function_;
    const Allocation& allocation_;
    Emitter& emitter_;
    bool fixed_inputs_;
    std::vector<Trampoline> trampolines_;
};

}  // namespace

void select(const MFunction& function, const Allocation& allocation, Emitter& emitter,
            bool fixed_inputs) {
    Selector(function, allocation, emitter, fixed_inputs).run();
}

}  // namespace vfm::bpf
