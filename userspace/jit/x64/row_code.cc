// in_rows: every row is compared, as many at once as the CPU can, without branches: which row
// holds, or whether one does, is hard to predict.
//
// Vectors are in registers 16 to 31 where AVX-512 has them, which leaves no upper halves to clear.
#include <cstring>

#include "userspace/jit/plan/row_table.h"
#include "userspace/jit/x64/emitter.h"

namespace vfm::jit {

using x86::CondCode;

namespace {

asmjit::x86::Vec vector(unsigned id, unsigned bytes) {
    if (bytes == 64) return x86::zmm(id);
    if (bytes == 32) return x86::ymm(id);
    return x86::xmm(id);
}

}  // namespace

// A vector register with the value in every lane, cut to the bits that the rows look at where all
// of them look at the same.
void Emitter::spread(const x86::Vec& to, unsigned reg, const RowTable& table, const RowSide& side,
                     unsigned bits) {
    const bool wide = table.lane == 8;
    const uint64_t all = bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
    if (side.uniform && (all & ~side.mask) != 0) {
        load_number(r11, side.mask);
        out_.and_(sized(r11, wide), sized(reg, wide));
        reg = r11;
    }
    if (cpu_.avx512) {
        out_.emit(wide ? x86::Inst::kIdVpbroadcastq : x86::Inst::kIdVpbroadcastd, to,
                  sized(reg, wide));
        return;
    }
    const x86::Xmm low = x86::xmm(to.id());
    out_.emit(wide ? x86::Inst::kIdVmovq : x86::Inst::kIdVmovd, low, sized(reg, wide));
    out_.emit(wide ? x86::Inst::kIdVpbroadcastq : x86::Inst::kIdVpbroadcastd, to, low);
}

// base8 = whether a row holds, with mask registers.
void Emitter::rows_avx512(const RowTable& table, unsigned base, const x86::Vec& a,
                          const x86::Vec& b) {
    const bool wide = table.lane == 8;
    const uint32_t bytes = table.vector_bytes();
    const auto conjunction = wide ? x86::Inst::kIdVpandq : x86::Inst::kIdVpandd;
    const auto equal = wide ? x86::Inst::kIdVpcmpeqq : x86::Inst::kIdVpcmpeqd;
    const x86::Vec bits = vector(18, bytes);
    int32_t at = 0;
    const auto next = [&] {
        const x86::Mem memory = x86::ptr(q(base), at, bytes);
        at += static_cast<int32_t>(bytes);
        return memory;
    };
    // The group's rows that want this of a value, of the ones in `holds` so far.
    const auto compare_side = [&](const x86::KReg& holds, const RowSide& side,
                                  const x86::Vec& value, bool first) {
        x86::Vec compared = value;
        if (!side.uniform) {
            out_.emit(conjunction, bits, value, next());
            compared = bits;
        }
        if (!first) out_.k(holds);
        out_.emit(equal, holds, compared, next());
    };
    for (uint32_t group = 0; group < table.groups; ++group) {
        const x86::KReg& holds = group == 0 ? x86::k1 : x86::k2;
        if (table.a.tested) compare_side(holds, table.a, a, true);
        if (table.b.tested) compare_side(holds, table.b, b, !table.a.tested);
        if (group > 0) out_.korw(x86::k1, x86::k1, x86::k2);
    }
    out_.kortestw(x86::k1, x86::k1);
    out_.set(CondCode::kNotZero, this->b(base));
}

// The same with lanes of ones and zeros.
void Emitter::rows_avx2(const RowTable& table, unsigned base, const x86::Vec& a,
                        const x86::Vec& b) {
    const bool wide = table.lane == 8;
    const uint32_t bytes = table.vector_bytes();
    const auto equal = wide ? x86::Inst::kIdVpcmpeqq : x86::Inst::kIdVpcmpeqd;
    const x86::Vec holds = vector(2, bytes), other = vector(3, bytes), any = vector(4, bytes);
    int32_t at = 0;
    const auto next = [&] {
        const x86::Mem memory = x86::ptr(q(base), at, bytes);
        at += static_cast<int32_t>(bytes);
        return memory;
    };
    const auto compare_side = [&](const RowSide& side, const x86::Vec& value, const x86::Vec& to) {
        x86::Vec compared = value;
        if (!side.uniform) {
            out_.emit(x86::Inst::kIdVpand, to, value, next());
            compared = to;
        }
        out_.emit(equal, to, compared, next());
    };
    for (uint32_t group = 0; group < table.groups; ++group) {
        const x86::Vec& sum = group == 0 ? any : holds;
        if (table.a.tested) compare_side(table.a, a, sum);
        if (table.b.tested) compare_side(table.b, b, table.a.tested ? other : sum);
        if (table.a.tested && table.b.tested) out_.emit(x86::Inst::kIdVpand, sum, sum, other);
        if (group > 0) out_.emit(x86::Inst::kIdVpor, any, any, holds);
    }
    out_.emit(x86::Inst::kIdVptest, any, any);
    out_.set(CondCode::kNotZero, this->b(base));
    if (bytes == 32) out_.vzeroupper();
}

// The same one row after the other.
void Emitter::rows_scalar(std::span<const ir::Row> rows, unsigned base, unsigned a, unsigned b) {
    Bytes table(rows.size_bytes());
    std::memcpy(table.data(), rows.data(), table.size());
    const auto end = static_cast<int32_t>(table.size());
    const asmjit::Label loop = out_.newLabel(), next = out_.newLabel(), done = out_.newLabel();
    const auto field = [&](size_t offset) {
        return x86::qword_ptr(q(base), static_cast<int32_t>(offset));
    };
    remark("{} rows, one after the other", rows.size());
    out_.lea(q(base), x86::ptr(constants_.add(std::move(table))));
    out_.lea(x86::r10, x86::ptr(q(base), end));
    out_.bind(loop);
    out_.mov(x86::r11, field(offsetof(ir::Row, mask_a)));
    out_.and_(x86::r11, q(a));
    out_.cmp(x86::r11, field(offsetof(ir::Row, want_a)));
    out_.jne(next);
    out_.mov(x86::r11, field(offsetof(ir::Row, mask_b)));
    out_.and_(x86::r11, q(b));
    out_.cmp(x86::r11, field(offsetof(ir::Row, want_b)));
    out_.je(done);
    out_.bind(next);
    out_.add(q(base), static_cast<int32_t>(sizeof(ir::Row)));
    out_.cmp(q(base), x86::r10);
    out_.jne(loop);
    out_.bind(done);  // not at the end of the rows: this one holds
    out_.cmp(q(base), x86::r10);
    out_.set(CondCode::kNotEqual, this->b(base));
}

void Emitter::in_rows(Id id, const ir::Value& value) {
    const std::vector<ir::Row>& rows = function_.rows[value.imm];
    const Operands operands = hold({value.a, value.b}, id);
    const unsigned a = operands.inputs[0], b = operands.inputs[1], base = operands.result;
    const unsigned most = cpu_.avx512 ? 64 : 32;
    if (!cpu_.avx512 && !cpu_.avx2) {
        rows_scalar(rows, base, a, b);
    } else {
        RowTable table = make_row_table(rows, most);
        remark("{} rows, {} at once", rows.size(), table.lanes);
        out_.lea(q(base), x86::ptr(constants_.add(std::move(table.bytes))));
        const unsigned first = cpu_.avx512 ? 16 : 0;
        const x86::Vec va = vector(first, table.vector_bytes());
        const x86::Vec vb = vector(first + 1, table.vector_bytes());
        if (table.a.tested) spread(va, a, table, table.a, plan_[value.a].bits);
        if (table.b.tested) spread(vb, b, table, table.b, plan_[value.b].bits);
        if (cpu_.avx512)
            rows_avx512(table, base, va, vb);
        else
            rows_avx2(table, base, va, vb);
    }
    if (plan_[id].full) out_.movzx(d(base), this->b(base));
    release(operands, id);
}

}  // namespace vfm::jit
