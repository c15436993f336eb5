// The domain of ranges: what an operation can make of operands of which least and greatest are
// known.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/ir/form/semantics.h"
#include "core/isa/limits.h"

namespace vfm::ir {

constexpr uint64_t kMost = ~uint64_t{0};  ///< the greatest number

/// low..high, both possible as far as is known.
struct Interval {
    uint64_t low = 0;
    uint64_t high = kMost;
    constexpr bool is_number() const { return low == high; }
};

class Intervals {
  public:
    using Word = Interval;

    static constexpr Word number(uint64_t number) { return {number, number}; }
    static constexpr Word length() { return {0, kMaxPacket}; }
    static constexpr Word load(Word /*base*/, const Value& value) {
        return {0, kMost >> (64 - 8 * value.size)};
    }
    static constexpr Word turned(Word /*word*/, unsigned size) {
        return {0, kMost >> (64 - 8 * size)};
    }
    static constexpr Word outside(const Value& value, Word /*a*/, Word /*b*/) {
        const unsigned bits = op_info(value.op).bits;
        return {0, bits == 0 ? kMost : kMost >> (64 - bits)};
    }
    /// Which comparisons are decided is for those to find who can say it of two names, too.
    static constexpr Word compare(Comparison /*comparison*/, Word /*a*/, Word /*b*/) {
        return {0, 1};
    }
    static constexpr Word unary(Opcode opcode, Word a) {
        if (opcode == Opcode::NOT) return {~a.high, ~a.low};
        return a.low > 0 ? Word{0 - a.high, 0 - a.low} : Word{0, a.high == 0 ? 0 : kMost};
    }
    static constexpr Word binary(Opcode opcode, Word a, Word b);

  private:
    /// All ones up to the highest bit of a number.
    static constexpr uint64_t fill(uint64_t value) {
        return value == 0 ? 0 : kMost >> std::countl_zero(value);
    }
    static constexpr Word shifted_left(Word a, Word b) {
        const auto by = static_cast<int>(b.low & 63);
        if (!b.is_number() || std::countl_zero(a.high) < by) return {};
        return {a.low << by, a.high << by};
    }
    static constexpr Word product(Word a, Word b) {
        if (a.high != 0 && b.high > kMost / a.high) return {};
        return {a.low * b.low, a.high * b.high};
    }
};

constexpr Interval Intervals::binary(Opcode opcode, Word a, Word b) {
    switch (opcode) {
        case Opcode::ADD:
            return a.high + b.high < a.high ? Word{} : Word{a.low + b.low, a.high + b.high};
        case Opcode::SUB:
            return a.low < b.high ? Word{} : Word{a.low - b.high, a.high - b.low};
        case Opcode::MUL:
            return product(a, b);
        case Opcode::DIV:
            return {b.high == 0 ? 0 : a.low / b.high, a.high / std::max<uint64_t>(b.low, 1)};
        case Opcode::MOD:
            return {0, b.high == 0 ? 0 : std::min(a.high, b.high - 1)};
        case Opcode::AND:
            return {0, std::min(a.high, b.high)};
        case Opcode::OR:
            return {std::max(a.low, b.low), fill(a.high | b.high)};
        case Opcode::XOR:
            return {0, fill(a.high | b.high)};
        case Opcode::SHL:
            return shifted_left(a, b);
        case Opcode::SHR:
            return b.is_number() ? Word{a.low >> (b.low & 63), a.high >> (b.low & 63)}
                                 : Word{0, a.high};
        default:
            return {};
    }
}

}  // namespace vfm::ir
