// in_rows: every row is compared, as many at once as the CPU can. Free of branches where it can be.
#include <cstring>

#include "userspace/jit/emitter.h"

namespace vfm::jit {

using x86::CondCode;

void Emitter::in_rows(Id id, const ir::Value& value) {
    const std::vector<ir::Row>& rows = function_.rows[value.imm];
    Bytes table(rows.size() * sizeof(ir::Row));
    std::memcpy(table.data(), rows.data(), table.size());
    const auto end = static_cast<int32_t>(table.size());
    const Operands operands = hold({value.a, value.b}, id);
    const unsigned a = operands.inputs[0], b = operands.inputs[1], row = operands.result;
    const asmjit::Label loop = out_.newLabel(), next = out_.newLabel(), done = out_.newLabel();
    const auto field = [&](size_t offset) {
        return x86::qword_ptr(q(row), static_cast<int32_t>(offset));
    };
    out_.lea(q(row), x86::ptr(constants_.add(std::move(table))));
    out_.lea(x86::r10, x86::ptr(q(row), end));
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
    out_.add(q(row), static_cast<int32_t>(sizeof(ir::Row)));
    out_.cmp(q(row), x86::r10);
    out_.jne(loop);
    // Not the end of the rows: one of them holds.
    out_.bind(done);
    out_.cmp(q(row), x86::r10);
    out_.set(CondCode::kNotEqual, this->b(row));
    if (plan_[id].full) out_.movzx(d(row), this->b(row));
    release(operands, id);
}

}  // namespace vfm::jit
