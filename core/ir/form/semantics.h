// What the operations of the IR make: the one statement, over any domain of values. A domain D says
// what it takes a value for, a number, a range, later a formula, and offers
//
//   using Word
//   Word number(uint64_t)
//   Word binary(Opcode, Word, Word)       as in alu.h; a divisor is known not to be 0
//   Word unary(Opcode, Word)
//   Word compare(Comparison, Word, Word)  0 or 1
//   Word length()                         of the packet
//   Word load(Word base, const Value&)    its size bytes at packet[base + imm], big-endian
//   Word turned(Word, unsigned size)      the low bytes in the other order, no others
//   Word outside(const Value&, Word a, Word b)
//        of what the IR itself does not define: lookups, state, the hook, the clock; below 2^bits
//
// A sort of operation that stands here for none does not compile.
#pragma once

#include "core/ir/form/arithmetic.h"
#include "core/ir/form/ir.h"

namespace vfm::ir {

/// The result of an operation that has one, but a parameter's, which its edges decide. `a` and `b`
/// are its operands; whatever where it has none.
template <class D>
typename D::Word meaning(D&& domain, const Value& value, const typename D::Word& a,
                         const typename D::Word& b) {
    const OpInfo& info = op_info(value.op);
    const auto base = [&] { return info.operands > 0 ? a : domain.number(0); };
    switch (info.kind) {
        case OpKind::number:
            return domain.number(value.imm);
        case OpKind::binary:
            return domain.binary(*info.does, a, b);
        case OpKind::unary:
            return domain.unary(*info.does, a);
        case OpKind::compare:
            return domain.compare(comparison_of(*info.does), a, b);
        case OpKind::length:
            return domain.length();
        case OpKind::load:
            return domain.load(base(), value);
        case OpKind::load_raw:
            return domain.turned(domain.load(base(), value), value.size);
        case OpKind::param:
        case OpKind::lookup:
        case OpKind::declared:
        case OpKind::outside:
        case OpKind::walk:
        case OpKind::guard:
        case OpKind::flow:
        case OpKind::random:
        case OpKind::call:
        case OpKind::count:
        case OpKind::fuel:
            return domain.outside(value, a, b);
    }
    return domain.outside(value, a, b);
}

}  // namespace vfm::ir
