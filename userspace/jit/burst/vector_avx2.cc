// The AVX2 back end: 8 packets a group, masks as vectors of zeros and ones among the numbers.
//
// Vector 15 is 0, the others from 6 on are LaneRegisters'.
#include <array>

#include "userspace/jit/burst/vector_emit.h"

namespace vfm::jit {
namespace {

using asmjit::Label;
using asmjit::Operand;
using asmjit::x86::eax;
using asmjit::x86::ecx;
using asmjit::x86::ptr;
using asmjit::x86::r8;
using asmjit::x86::r9;
using asmjit::x86::rax;
using asmjit::x86::xmm;
using asmjit::x86::ymm;
namespace Inst = asmjit::x86::Inst;

constexpr unsigned kAvx2Lanes = 8;
constexpr unsigned kZero = 15;
constexpr uint32_t kAllOnes = ~uint32_t{0};

class Avx2Emitter final : public VectorEmitter {
  public:
    Avx2Emitter(asmjit::CodeHolder& code, const VectorPlan& plan, const VectorTables& tables)
        : VectorEmitter(code, plan, tables, kAvx2Lanes,
                        {.numbers = ((1u << kZero) - 1) & ~((1u << kScratch) - 1)}) {}

  private:
    Vec vec(unsigned id) const override { return ymm(id); }

    void store(StepId /*step*/, unsigned reg, uint32_t to) override {
        a_.vmovdqa(slot(to), vec(reg));
    }
    void load(StepId /*step*/, unsigned reg, uint32_t from) override {
        a_.vmovdqa(vec(reg), slot(from));
    }
    void load_number(uint32_t value, unsigned reg) override { a_.vmovdqa(vec(reg), number(value)); }

    Mem number(uint32_t value) override {
        Bytes bytes;
        for (unsigned lane = 0; lane < kAvx2Lanes; ++lane) append_le(bytes, value, 4);
        return constant(bytes);
    }

    void load_constants() override { a_.vpxor(vec(kZero), vec(kZero), vec(kZero)); }
    void check_lengths(std::optional<StepId> length) override;
    void load_quarters(unsigned into, unsigned first_packet, uint32_t offset) override;
    void bitwise(LaneOp op, Vec to, Vec a, const Operand& b) override {
        a_.emit(op == LaneOp::and_  ? Inst::kIdVpand
                : op == LaneOp::or_ ? Inst::kIdVpor
                                    : Inst::kIdVpxor,
                to, a, b);
    }
    void select(const LaneStep& step, Vec to) override {
        const Vec b = vector(step.b), mask = vector(step.c);
        a_.emit(Inst::kIdVpblendvb, to, b, operand(step.a), mask);
    }
    void bit(const LaneStep& step, Vec to) override { mask_to_scratch(step.a, to); }
    void mask_to_scratch(StepId from, Vec to) override { a_.vpand(to, vector(from), number(1)); }
    void mask_bits(StepId from, const Gp& to) override { a_.vmovmskps(to, vector(from)); }
    void mask_step(StepId id, const LaneStep& step) override;
    void compare(const LaneStep& step, const Vec& to);
    void in_set(const LaneStep& step, const Vec& to);
    void in_rows(const LaneStep& step, const Vec& to);
    void store_outcomes(const Results& results) override;
};

// Of four packets, a vector q of three holds the lengths in qwords 3i + 1 - 4q; blended they stand
// in the order 1 0 3 2. Of lengths only the low half is compared: beyond 4 GiB a packet may count
// as too short, which the scalar code makes good.
void Avx2Emitter::check_lengths(std::optional<StepId> length) {
    for (unsigned half = 0; half < 2; ++half) {
        const unsigned first = half * kAvx2Lanes / 2;
        a_.vmovdqu(vec(half), packet(first));
        a_.vpblendd(vec(half), vec(half), packet(first, 32), 0xc3);
        a_.vpblendd(vec(half), vec(half), packet(first, 64), 0x30);
    }
    a_.vshufps(vec(2), vec(0), vec(1), 0x88);
    a_.vpmaxud(vec(3), vec(2), number(plan_.least_length));
    a_.vpcmpeqd(vec(3), vec(3), vec(2));
    a_.vpmovmskb(eax, vec(3));
    a_.cmp(eax, -1);
    a_.jne(leave_);
    if (!length) return;
    a_.vshufps(vec(3), vec(0), vec(1), 0xdd);
    a_.vpcmpgtd(vec(3), vec(3), vec(kZero));
    a_.vpor(vec(2), vec(2), vec(3));
    a_.vpminud(vec(2), vec(2), number(kMaxPacket));
    // Dwords of vector 2 are packets 1 0 5 4 3 2 7 6.
    Bytes order;
    for (const unsigned from : {1, 5, 3, 7, 0, 4, 2, 6}) append_le(order, from, 4);
    a_.vmovdqa(vec(3), constant(order));
    a_.vpermd(vec(registers_.define(*length)), vec(3), vec(2));
}

void Avx2Emitter::load_quarters(unsigned into, unsigned first_packet, uint32_t offset) {
    const auto at = static_cast<int32_t>(offset);
    a_.mov(r8, packet(first_packet));
    a_.mov(r9, packet(first_packet + 1));
    a_.vmovdqu(xmm(into), ptr(r8, at));
    a_.vinserti128(ymm(into), ymm(into), ptr(r9, at), 1);
}

void Avx2Emitter::mask_step(StepId id, const LaneStep& step) {
    const Vec to = vec(registers_.define(id));
    switch (step.op) {
        case LaneOp::always:
            a_.vpcmpeqd(to, to, to);
            return;
        case LaneOp::never:
            a_.vpxor(to, to, to);
            return;
        case LaneOp::compare:
            compare(step, to);
            return;
        case LaneOp::in_set:
            in_set(step, to);
            return;
        case LaneOp::in_rows:
            in_rows(step, to);
            return;
        case LaneOp::mask_and: {
            const Vec a = vector(step.a);
            a_.vpand(to, a, vector(step.b));
            return;
        }
        case LaneOp::mask_and_not: {
            const Vec a = vector(step.a);
            a_.vpandn(to, vector(step.b), a);
            return;
        }
        case LaneOp::mask_or: {
            const Vec a = vector(step.a);
            a_.vpor(to, a, vector(step.b));
            return;
        }
        case LaneOp::mask_xor: {
            const Vec a = vector(step.a);
            a_.vpxor(to, a, vector(step.b));
            return;
        }
        case LaneOp::mask_not:
            a_.vpxor(to, vector(step.a), number(kAllOnes));
            return;
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

// There are comparisons for equality and for greater signed numbers only: at least b is the maximum
// of both, at most b the minimum. Strict ones are those of the number next to b, or complements.
void Avx2Emitter::compare(const LaneStep& step, const Vec& to) {
    Comparison comparison = step.comparison;
    const Vec a = vector(step.a);
    Operand b;
    const LaneStep& limit = plan_.steps[step.b];
    if (limit.op == LaneOp::number && comparison == Comparison::gt) {
        comparison = Comparison::ge;
        b = number(limit.imm + 1);
    } else if (limit.op == LaneOp::number && comparison == Comparison::lt) {
        comparison = Comparison::le;
        b = number(limit.imm - 1);
    } else {
        b = operand(step.b);
    }
    const bool complement = comparison == Comparison::ne || comparison == Comparison::gt ||
                            comparison == Comparison::lt;
    if (complement) comparison = negate(comparison);
    if (comparison == Comparison::eq) {
        a_.emit(Inst::kIdVpcmpeqd, to, a, b);
    } else {
        a_.emit(comparison == Comparison::ge ? Inst::kIdVpmaxud : Inst::kIdVpminud, to, a, b);
        a_.vpcmpeqd(to, to, a);
    }
    if (complement) a_.vpxor(to, to, number(kAllOnes));
}

// A gather clears its mask, so the lanes to ask for are copied.
void Avx2Emitter::in_set(const LaneStep& step, const Vec& to) {
    const TwoPlaceSet& set = tables_.sets[step.imm];
    const Vec key = vector(step.a), among = vector(step.c);
    const Vec place = vec(0), found = vec(1), rest = vec(2);
    const Label done = a_.newLabel();
    a_.vpxor(to, to, to);
    a_.vptest(among, among);
    a_.jz(done);
    load_address(rax, set.slots.data(), "keys");
    a_.vmovdqa(rest, among);
    for (unsigned which = 0; which < 2; ++which) {
        a_.vpmulld(place, key, number(set.factors[which]));
        a_.vpsrld(place, place, set.shift);
        a_.vpgatherdd(found, ptr(rax, place, 2), rest);
        a_.vpcmpeqd(to, found, key);
        if (which == 0) a_.vpandn(rest, to, among);
    }
    a_.vpand(to, to, among);
    a_.bind(done);
}

// What of a row does not fit is gathered as bits, and the least of all rows kept: it is 0 in the
// lanes where some row fits.
void Avx2Emitter::in_rows(const LaneStep& step, const Vec& to) {
    const auto& rows = tables_.rows[step.imm];
    const Vec a = vector(step.a), b = vector(step.b), among = vector(step.c), least = vec(4);
    const Label loop = a_.newLabel(), done = a_.newLabel();
    a_.vpxor(to, to, to);
    a_.vptest(among, among);
    a_.jz(done);
    load_address(rax, rows.rows.data(), "rows");
    a_.mov(ecx, static_cast<uint32_t>(rows.rows.size() / LaneRows::kAtATime));
    a_.vpcmpeqd(least, least, least);
    a_.bind(loop);
    for (size_t i = 0; i < LaneRows::kAtATime; ++i) {
        const Vec x = vec(0), y = vec(1), word = vec(2);
        const auto broadcast = [&](const Vec& into, size_t at) {
            a_.vpbroadcastd(into, ptr(rax, static_cast<int32_t>(i * sizeof(LaneRow) + at)));
        };
        broadcast(x, offsetof(LaneRow, want_a));
        broadcast(y, offsetof(LaneRow, want_b));
        broadcast(word, offsetof(LaneRow, mask_a));
        a_.vpxor(x, x, a);
        a_.vpxor(y, y, b);
        a_.vpand(x, x, word);
        if (!rows.exact_b) {
            broadcast(word, offsetof(LaneRow, mask_b));
            a_.vpand(y, y, word);
        }
        a_.vpor(x, x, y);
        a_.vpminud(least, least, x);
    }
    a_.add(rax, LaneRows::kAtATime * sizeof(LaneRow));
    a_.vpcmpeqd(to, least, vec(kZero));
    a_.vptest(to, among);  // carry: no lane of `among` that is not in `to`
    a_.jc(done);
    a_.dec(ecx);
    a_.jnz(loop);
    a_.bind(done);
    a_.vpand(to, to, among);
}

void Avx2Emitter::store_outcomes(const Results& results) {
    for (unsigned j = 0; j < 4; ++j) {
        const Vec out = vec(1), part = vec(2);
        const unsigned spread = j * 0x55;
        const auto merge = [&](const Vec& from, unsigned dwords, const Vec& others) {
            a_.vpshufd(part, from, spread);
            a_.vpblendd(out, others, part, dwords);
        };
        merge(*results.value, 0x11, vec(kZero));
        if (results.high) merge(*results.high, 0x22, out);
        if (results.error) merge(*results.error, 0x44, out);
        a_.vmovdqu(ptr(kResults, static_cast<int32_t>(j * vector_bytes())), out);
    }
}

}  // namespace

std::unique_ptr<VectorEmitter> make_avx2_emitter(asmjit::CodeHolder& code, const VectorPlan& plan,
                                                 const VectorTables& tables) {
    return std::make_unique<Avx2Emitter>(code, plan, tables);
}

}  // namespace vfm::jit
