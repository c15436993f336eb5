// The AVX-512 back end: 16 packets a group, masks in k registers.
//
// Masks k1, k2, k3 are LaneRegisters' always; k7, k6 and k5 pick the dwords of outcomes that
// values, high halves and errors fill, k4 is free in a step; those of k4 to k6 that a plan does not
// need so are LaneRegisters' too. Vectors 29 to 31 collect the packets' lengths.
#include <array>

#include "userspace/jit/burst/vector_emit.h"

namespace vfm::jit {
namespace {

using asmjit::Label;
using asmjit::Operand;
using asmjit::x86::eax;
using asmjit::x86::ecx;
using asmjit::x86::k;
using asmjit::x86::k0;
using asmjit::x86::KReg;
using asmjit::x86::ptr;
using asmjit::x86::r10;
using asmjit::x86::r11;
using asmjit::x86::r8;
using asmjit::x86::r9;
using asmjit::x86::rax;
using asmjit::x86::VPCmpImm;
using asmjit::x86::xmm;
using asmjit::x86::zmm;
namespace Inst = asmjit::x86::Inst;

constexpr unsigned kAvx512Lanes = 16;
constexpr unsigned kFreeMask = 4, kErrorMask = 5, kHighMask = 6, kValueMask = 7;
// The set bits of kValueMask and so on: dwords of the outcomes in a vector.
constexpr uint32_t kValueDwords = 0x1111, kHighDwords = 0x2222, kErrorDwords = 0x4444;
constexpr unsigned kGather1 = 31, kGather2 = 30, kInterleave = 29;

uint32_t mask_registers(const VectorPlan& plan) {
    uint32_t masks = 0b1110;
    if (plan.sets.empty() && plan.rows.empty()) masks |= 1u << kFreeMask;
    if (plan.error == kNoStep) masks |= 1u << kErrorMask;
    if (plan.value_high == kNoStep) masks |= 1u << kHighMask;
    return masks;
}

asmjit::x86::VPCmpImm condition(Comparison comparison) {
    switch (comparison) {
        case Comparison::eq:
            return VPCmpImm::kEQ;
        case Comparison::ne:
            return VPCmpImm::kNE;
        case Comparison::gt:
            return VPCmpImm::kGT;
        case Comparison::lt:
            return VPCmpImm::kLT;
        case Comparison::ge:
            return VPCmpImm::kGE;
        case Comparison::le:
            return VPCmpImm::kLE;
    }
    return VPCmpImm::kEQ;
}

class Avx512Emitter final : public VectorEmitter {
  public:
    Avx512Emitter(asmjit::CodeHolder& code, const VectorPlan& plan, const VectorTables& tables)
        : VectorEmitter(code, plan, tables, kAvx512Lanes,
                        {.numbers = ((1u << kInterleave) - 1) & ~((1u << kScratch) - 1),
                         .masks = mask_registers(plan)}) {}

  private:
    Vec vec(unsigned id) const override { return zmm(id); }
    KReg mask(StepId step) { return k(registers_.use(step)); }

    void store(StepId step, unsigned reg, uint32_t to) override {
        if (makes_mask(plan_.steps[step].op))
            a_.kmovw(slot(to), k(reg));
        else
            a_.vmovdqa32(slot(to), vec(reg));
    }
    void load(StepId step, unsigned reg, uint32_t from) override {
        if (makes_mask(plan_.steps[step].op))
            a_.kmovw(k(reg), slot(from));
        else
            a_.vmovdqa32(vec(reg), slot(from));
    }
    void load_number(uint32_t value, unsigned reg) override {
        a_.vpbroadcastd(vec(reg), in_memory(value));
    }

    Mem in_memory(uint32_t value) {
        Bytes bytes;
        append_le(bytes, value, 4);
        return constant(bytes);
    }
    Mem number(uint32_t value) override { return in_memory(value)._1to16(); }

    void load_constants() override;
    void set_mask(unsigned id, uint32_t bits) {
        a_.mov(eax, bits);
        a_.kmovw(k(id), eax);
    }
    void check_lengths(std::optional<StepId> length) override;
    void load_quarters(unsigned into, unsigned first_packet, uint32_t offset) override;
    void bitwise(LaneOp op, Vec to, Vec a, const Operand& b) override;
    void select(const LaneStep& step, Vec to) override {
        const Vec b = vector(step.b);
        const Operand a = operand(step.a);
        a_.k(mask(step.c)).emit(Inst::kIdVpblendmd, to, b, a);
    }
    void bit(const LaneStep& step, Vec to) override { mask_to_scratch(step.a, to); }
    void mask_to_scratch(StepId from, Vec to) override {
        a_.k(mask(from)).z().vpbroadcastd(to, in_memory(1));
    }
    void mask_bits(StepId from, const Gp& to) override { a_.kmovw(to, mask(from)); }
    void mask_step(StepId id, const LaneStep& step) override;
    void compare(const LaneStep& step, const KReg& to);
    void in_set(const LaneStep& step, const KReg& to);
    void in_rows(const LaneStep& step, const KReg& to);
    void store_outcomes(const Results& results) override;
};

// Of eight packets, a vector q of three holds the lengths in qwords 3i + 1 - 8q.
void Avx512Emitter::load_constants() {
    const auto load = [&](unsigned id, const auto& numbers, unsigned size) {
        Bytes bytes;
        for (const unsigned number : numbers) append_le(bytes, number, size);
        a_.vmovdqa64(vec(id), constant(bytes));
    };
    load(kGather1, std::array{1u, 4u, 7u, 8u + 2, 8u + 5, 0u, 0u, 0u}, 8);
    load(kGather2, std::array{0u, 1u, 2u, 3u, 4u, 8u + 0, 8u + 3, 8u + 6}, 8);
    std::array<unsigned, kAvx512Lanes> order;
    for (unsigned dword = 0; dword < kAvx512Lanes; ++dword)
        order[dword] = 2 * (dword % 4 * 4 + dword / 4);
    load(kInterleave, order, 4);
    set_mask(kValueMask, kValueDwords);
    if (plan_.value_high != kNoStep) set_mask(kHighMask, kHighDwords);
    if (plan_.error != kNoStep) set_mask(kErrorMask, kErrorDwords);
}

// Of lengths only the low half is looked at: beyond 4 GiB a packet may count as too short, which
// the scalar code makes good.
void Avx512Emitter::check_lengths(std::optional<StepId> length) {
    for (unsigned half = 0; half < 2; ++half) {
        const unsigned first = half * kAvx512Lanes / 2;
        a_.vmovdqu64(vec(half), packet(first));
        a_.vpermt2q(vec(half), vec(kGather1), packet(first, 64));
        a_.vpermt2q(vec(half), vec(kGather2), packet(first, 128));
        if (!length) continue;
        Bytes most;
        append_le(most, kMaxPacket, 8);
        a_.vpminuq(vec(half), vec(half), constant(most)._1to8());
    }
    a_.vpermt2d(vec(0), vec(kInterleave), vec(1));
    if (length) a_.vmovdqa32(vec(registers_.define(*length)), vec(0));
    a_.vpcmpud(k0, vec(0), number(plan_.least_length), VPCmpImm::kLT);
    a_.kortestw(k0, k0);
    a_.jnz(leave_);
}

void Avx512Emitter::load_quarters(unsigned into, unsigned first_packet, uint32_t offset) {
    const Gp pointers[] = {r8, r9, r10, r11};
    for (unsigned q = 0; q < 4; ++q) a_.mov(pointers[q], packet(first_packet + q));
    const auto at = static_cast<int32_t>(offset);
    a_.vmovdqu(xmm(into), ptr(r8, at));
    for (unsigned q = 1; q < 4; ++q) a_.vinserti32x4(zmm(into), zmm(into), ptr(pointers[q], at), q);
}

void Avx512Emitter::bitwise(LaneOp op, Vec to, Vec a, const Operand& b) {
    a_.emit(op == LaneOp::and_  ? Inst::kIdVpandd
            : op == LaneOp::or_ ? Inst::kIdVpord
                                : Inst::kIdVpxord,
            to, a, b);
}

void Avx512Emitter::mask_step(StepId id, const LaneStep& step) {
    const auto input = [&](StepId read) { return read == kNoStep ? k0 : mask(read); };
    switch (step.op) {
        case LaneOp::always: {
            const KReg to = k(registers_.define(id));
            a_.kxnorw(to, to, to);
            return;
        }
        case LaneOp::never: {
            const KReg to = k(registers_.define(id));
            a_.kxorw(to, to, to);
            return;
        }
        case LaneOp::compare:
            compare(step, k(registers_.define(id)));
            return;
        case LaneOp::in_set:
            in_set(step, k(registers_.define(id)));
            return;
        case LaneOp::in_rows:
            in_rows(step, k(registers_.define(id)));
            return;
        case LaneOp::mask_and: {
            const KReg a = input(step.a), b = input(step.b);
            a_.kandw(k(registers_.define(id)), a, b);
            return;
        }
        case LaneOp::mask_and_not: {
            const KReg a = input(step.a), b = input(step.b);
            a_.kandnw(k(registers_.define(id)), b, a);
            return;
        }
        case LaneOp::mask_or: {
            const KReg a = input(step.a), b = input(step.b);
            a_.korw(k(registers_.define(id)), a, b);
            return;
        }
        case LaneOp::mask_xor: {
            const KReg a = input(step.a), b = input(step.b);
            a_.kxorw(k(registers_.define(id)), a, b);
            return;
        }
        case LaneOp::mask_not: {
            const KReg a = input(step.a);
            a_.knotw(k(registers_.define(id)), a);
            return;
        }
        case LaneOp::number:
        case LaneOp::field:
        case LaneOp::field_raw:
        case LaneOp::length:
        case LaneOp::add:
        case LaneOp::sub:
        case LaneOp::mul:
        case LaneOp::and_:
        case LaneOp::or_:
        case LaneOp::xor_:
        case LaneOp::shl:
        case LaneOp::shr:
        case LaneOp::select:
        case LaneOp::bit:
        case LaneOp::flow_result:
        case LaneOp::flow_argument:
        case LaneOp::flow:
            return;
    }
}

void Avx512Emitter::compare(const LaneStep& step, const KReg& to) {
    const Vec a = vector(step.a);
    const Operand b = operand(step.b);
    const asmjit::Imm how(static_cast<unsigned>(condition(step.comparison)));
    if (step.c != kNoStep) a_.k(mask(step.c));
    a_.emit(Inst::kIdVpcmpud, to, a, b, how);
}

// The lanes that the first place decides are not asked for the second: they keep what they have in
// the vector, which is their key.
void Avx512Emitter::in_set(const LaneStep& step, const KReg& to) {
    const TwoPlaceSet& set = tables_.sets[step.imm];
    const Vec key = vector(step.a), place = vec(0), found = vec(1);
    const KReg among = mask(step.c), rest = k(kFreeMask);
    const Label done = a_.newLabel();
    a_.kxorw(to, to, to);
    a_.kortestw(among, among);
    a_.jz(done);
    load_address(rax, set.slots.data(), "keys");
    a_.kmovw(rest, among);
    for (unsigned which = 0; which < 2; ++which) {
        a_.vpmulld(place, key, number(set.factors[which]));
        a_.vpsrld(place, place, set.shift);
        a_.k(rest).vpgatherdd(found, ptr(rax, place, 2));
        a_.k(among).vpcmpeqd(to, found, key);
        if (which == 0) a_.kandnw(rest, to, among);
    }
    a_.bind(done);
}

// What of a row does not fit is gathered as bits, and the least of all rows kept: it is 0 in the
// lanes where some row fits.
void Avx512Emitter::in_rows(const LaneStep& step, const KReg& to) {
    const auto& rows = tables_.rows[step.imm];
    const Vec a = vector(step.a), b = vector(step.b), least = vec(4);
    const KReg among = mask(step.c), rest = k(kFreeMask);
    const Label loop = a_.newLabel(), done = a_.newLabel();
    a_.kmovw(rest, among);
    a_.kortestw(rest, rest);
    a_.jz(done);
    load_address(rax, rows.rows.data(), "rows");
    a_.mov(ecx, static_cast<uint32_t>(rows.rows.size() / LaneRows::kAtATime));
    a_.vpternlogd(least, least, least, 0xff);
    a_.bind(loop);
    for (size_t i = 0; i < LaneRows::kAtATime; ++i) {
        const auto word = [&](size_t at) {
            return ptr(rax, static_cast<int32_t>(i * sizeof(LaneRow) + at))._1to16();
        };
        const Vec x = vec(i % 2), y = vec(2 + i % 2);
        a_.vpxord(x, a, word(offsetof(LaneRow, want_a)));
        a_.vpxord(y, b, word(offsetof(LaneRow, want_b)));
        if (!rows.exact_b) a_.vpandd(y, y, word(offsetof(LaneRow, mask_b)));
        // x and mask_a, or y.
        a_.vpternlogd(x, y, word(offsetof(LaneRow, mask_a)), 0xec);
        a_.vpminud(least, least, x);
    }
    a_.add(rax, LaneRows::kAtATime * sizeof(LaneRow));
    a_.k(among).vptestmd(rest, least, least);
    a_.kortestw(rest, rest);
    a_.jz(done);
    a_.dec(ecx);
    a_.jnz(loop);
    a_.bind(done);
    a_.kandnw(to, rest, among);
}

// Outcome i of quarter-th j: dword j of each quarter goes to the front, or into the place of its
// kind, of that quarter's 16 bytes.
void Avx512Emitter::store_outcomes(const Results& results) {
    for (unsigned j = 0; j < 4; ++j) {
        const Vec out = vec(j + 1);
        const unsigned spread = j * 0x55;
        a_.k(k(kValueMask)).z().vpshufd(out, *results.value, spread);
        if (results.high) a_.k(k(kHighMask)).vpshufd(out, *results.high, spread);
        if (results.error) a_.k(k(kErrorMask)).vpshufd(out, *results.error, spread);
        a_.vmovdqu64(ptr(kResults, static_cast<int32_t>(j * vector_bytes())), out);
    }
}

}  // namespace

std::unique_ptr<VectorEmitter> make_avx512_emitter(asmjit::CodeHolder& code, const VectorPlan& plan,
                                                   const VectorTables& tables) {
    return std::make_unique<Avx512Emitter>(code, plan, tables);
}

}  // namespace vfm::jit
