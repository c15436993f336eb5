// Writes machine code instruction by instruction: what lowering and packet access share.
#pragma once

#include <vector>

#include "bpfgen/frame.h"
#include "bpfgen/frame_contents.h"
#include "bpfgen/mir.h"

namespace vfm::bpf {

/// A test that a branch can make: a code b, or a code imm.
struct Condition {
    uint8_t code = BPF_JEQ;
    VReg a = kNoReg;
    VReg b = kNoReg;
    uint64_t imm = 0;
    bool narrow = false;

    Condition negated() const {
        Condition c = *this;
        c.code = static_cast<uint8_t>(opposite(code));
        return c;
    }
};

class Builder {
  public:
    Builder(MFunction& function, Emitter& emitter) : function_(function), emitter_(emitter) {}

    void origin(uint32_t code_offset) { origin_ = code_offset; }
    uint32_t origin() const { return origin_; }
    Label label() { return emitter_.label(); }
    VReg fresh() { return function_.fresh(); }

    VReg mov(VReg a) { return with_result({.op = MOp::mov, .a = a}); }
    void mov_to(VReg dst, VReg a) { put({.op = MOp::mov, .dst = dst, .a = a}); }
    VReg number(uint64_t value) { return with_result({.op = MOp::number, .imm = value}); }
    void number_to(VReg dst, uint64_t value) { put({.op = MOp::number, .dst = dst, .imm = value}); }
    VReg alu(unsigned code, VReg a, VReg b) {
        return with_result({.op = MOp::alu, .code = byte(code), .a = a, .b = b});
    }
    /// `imm` fits_imm().
    VReg alu_imm(unsigned code, VReg a, uint64_t imm) {
        return with_result({.op = MOp::alu_imm, .code = byte(code), .a = a, .imm = imm});
    }
    /// dst = dst + imm, on a machine register.
    void add_imm_to(Reg dst, uint64_t imm) {
        put({.op = MOp::alu_imm, .code = BPF_ADD, .dst = dst, .a = dst, .imm = imm});
    }
    /// dst = dst + src, machine registers both.
    void add_to(Reg dst, Reg src) {
        put({.op = MOp::alu, .code = BPF_ADD, .dst = dst, .a = dst, .b = src});
    }
    /// dst = ~dst, on a machine register.
    void flip_to(Reg dst) {
        put({.op = MOp::alu_imm, .code = BPF_XOR, .dst = dst, .a = dst, .imm = ~uint64_t{0}});
    }
    VReg neg(VReg a) { return with_result({.op = MOp::neg, .a = a}); }
    VReg to_be(VReg a, unsigned size) {
        return with_result({.op = MOp::to_be, .size = byte(size), .a = a});
    }
    VReg load(unsigned size, VReg base, int16_t off) {
        return with_result({.op = MOp::load, .size = byte(size), .off = off, .a = base});
    }
    void load_to(VReg dst, unsigned size, VReg base, int16_t off) {
        put({.op = MOp::load, .size = byte(size), .off = off, .dst = dst, .a = base});
    }
    void store(unsigned size, VReg base, int16_t off, VReg value) {
        put({.op = MOp::store, .size = byte(size), .off = off, .a = base, .b = value});
    }
    /// dst = address of a frame slot.
    void slot_address_to(Reg dst, int16_t slot) {
        mov_to(dst, kFrame);
        add_imm_to(dst, static_cast<uint64_t>(int64_t{slot}));
    }
    void map_address_to(Reg dst, uint32_t map) {
        put({.op = MOp::map_address, .dst = dst, .imm = map});
    }
    /// Address of constant data. What is loaded from it, the verifier does not know.
    VReg data_address(uint32_t offset) {
        return with_result({.op = MOp::data_address, .imm = offset});
    }
    /// An operand in a machine register, and what is in one with an operand added.
    void put_to(Reg dst, const Operand& operand);
    VReg plus(Reg a, const Operand& operand);
    /// A word of the frame, unless it is known to be there already.
    void store(Reg frame, int16_t slot, const Operand& word);
    /// What a lookup gave: the address of an entry, or null.
    VReg entry(Reg found) { return with_result({.op = MOp::entry, .a = found}); }
    void fetch_add(VReg base, Reg value) { put({.op = MOp::fetch_add, .a = base, .b = value}); }
    /// What is at `base` becomes `value` if it is r0; r0 becomes what it was. r2 is lost.
    void compare_exchange(VReg base, VReg value) {
        put({.op = MOp::compare_exchange, .dst = 2, .a = base, .b = value});
    }
    void call(int32_t helper) { put({.op = MOp::call, .imm = static_cast<uint64_t>(helper)}); }

    /// Of a subprogram, its arguments moved into r1 and the registers behind it.
    void call_local(Label subprogram, std::vector<Move> arguments) {
        put({.op = MOp::call_local, .label = subprogram, .list = list(std::move(arguments))});
    }
    void exit() { put({.op = MOp::exit}); }
    void store_imm(unsigned size, VReg base, int16_t off, uint64_t imm) {
        put({.op = MOp::store_imm, .size = byte(size), .off = off, .a = base, .imm = imm});
    }

    /// The same value, of which the kernel's verifier knows nothing: it goes through a map. What
    /// the verifier knows of a number it follows along every path, so that paths which differ in
    /// nothing else do not become one again.
    VReg blurred(VReg a);
    /// The same, of which it knows that it is below 2^bits.
    VReg blurred(VReg a, unsigned bits) {
        const VReg own = blurred(a);
        return bits < 32 ? alu_imm(BPF_AND, own, (uint64_t{1} << bits) - 1) : own;
    }

    /// The verifier must know the number: it is not put where it would forget it.
    void keep_known(VReg a) { function_.known.push_back(a); }

    void bind(Label label, std::vector<VReg> params = {});
    void jump(Label target, std::vector<Move> moves = {});
    void branch(const Condition& condition, Label target, std::vector<Move> moves = {});
    /// Leaves for an exit if the condition holds. With `around`, as a branch around a jump: the
    /// kernel's verifier then has the exit behind it before it goes on, and no number of such tests
    /// is too large for it.
    void leave(const Condition& condition, Label exit, bool around);
    /// Leaves for an exit when the kernel wants the run to end.
    void may_goto(Label exit) { put({.op = MOp::may_goto, .label = exit}); }

    /// What is known of slots of keys here. Nothing is where a label stands, unless one who knows
    /// all ways to it says so.
    const FrameContents& contents() const { return contents_; }
    void contents(const FrameContents& known) { contents_ = known; }

  private:
    static uint8_t byte(unsigned value) { return static_cast<uint8_t>(value); }
    void put(MInsn insn) {
        insn.origin = origin_;
        function_.insns.push_back(insn);
        follow(insn);
    }
    void follow(const MInsn& insn);
    VReg with_result(MInsn insn) {
        insn.dst = fresh();
        put(insn);
        return insn.dst;
    }
    uint32_t list(std::vector<Move> moves);

    MFunction& function_;
    Emitter& emitter_;
    uint32_t origin_ = 0;
    FrameContents contents_;
};

}  // namespace vfm::bpf
