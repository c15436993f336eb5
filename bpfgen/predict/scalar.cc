#include "bpfgen/predict/scalar.h"

#include <algorithm>
#include <bit>

#include "core/ebpf/arithmetic.h"

namespace vfm::bpf {
namespace {

using ebpf::Op;

constexpr uint64_t kLow = UINT32_MAX;

Bits known_bits(uint64_t value) { return {value, 0}; }

Bits shifted_left(Bits a, unsigned by) { return {a.value << by, a.mask << by}; }
Bits shifted_right(Bits a, unsigned by) { return {a.value >> by, a.mask >> by}; }

Bits sum_of(Bits a, Bits b) {
    const uint64_t masks = a.mask + b.mask, values = a.value + b.value;
    const uint64_t unknown = ((masks + values) ^ values) | a.mask | b.mask;
    return {values & ~unknown, unknown};
}

Bits difference_of(Bits a, Bits b) {
    const uint64_t value = a.value - b.value;
    const uint64_t unknown = ((value + a.mask) ^ (value - b.mask)) | a.mask | b.mask;
    return {value & ~unknown, unknown};
}

Bits conjunction(Bits a, Bits b) {
    const uint64_t value = a.value & b.value;
    const uint64_t possible = (a.value | a.mask) & (b.value | b.mask);
    return {value, possible & ~value};
}

Bits disjunction(Bits a, Bits b) {
    const uint64_t value = a.value | b.value, masks = a.mask | b.mask;
    return {value, masks & ~value};
}

Bits exclusive(Bits a, Bits b) {
    const uint64_t unknown = a.mask | b.mask;
    return {(a.value ^ b.value) & ~unknown, unknown};
}

Bits product_of(Bits a, Bits b) {
    if (a.is_known() && b.is_known()) return known_bits(a.value * b.value);
    Bits sum = known_bits(0);
    const uint64_t value = a.value * b.value;
    while (a.value || a.mask) {
        if (a.value & 1)
            sum = sum_of(sum, {0, b.mask});
        else if (a.mask & 1)
            sum = sum_of(sum, {0, b.value | b.mask});
        a = shifted_right(a, 1);
        b = shifted_left(b, 1);
    }
    return sum_of(known_bits(value), sum);
}

Bits between(uint64_t least, uint64_t most) {
    const auto width = static_cast<unsigned>(std::bit_width(least ^ most));
    if (width > 63) return {};
    const uint64_t unknown = (uint64_t{1} << width) - 1;
    return {least & ~unknown, unknown};
}

/// The least number of these bits that is greater; the greatest of all if none is.
uint64_t next_of(Bits bits, uint64_t number) {
    const uint64_t greatest = bits.value | bits.mask;
    if (number >= greatest) return greatest;
    // It has the number's bits above some place and a 1 there in place of a 0: the lowest such.
    for (unsigned at = 0; at < 64; ++at) {
        const uint64_t here = uint64_t{1} << at, above = ~((here << 1) - 1);
        const bool agrees = ((number ^ bits.value) & ~bits.mask & above) == 0;
        if (!agrees || (number & here) || !(greatest & here)) continue;
        return (number & above) | here | (bits.value & (here - 1));
    }
    return greatest;
}

/// The bits that both know.
Bits meet(Bits a, Bits b) {
    const uint64_t value = a.value | b.value, unknown = a.mask & b.mask;
    return {value & ~unknown, unknown};
}

void forget_bounds(Scalar& s) {
    const Bits bits = s.bits;
    s = {};
    s.bits = bits;
}

bool sum_overflows(uint64_t a, uint64_t b) { return a + b < a; }

/// ADD and SUB of 64 bits.
void add_bounds(Scalar& a, const Scalar& b, bool subtract) {
    const auto signed_sum = [&](int64_t x, int64_t y, int64_t& out) {
        return subtract ? __builtin_sub_overflow(x, y, &out) : __builtin_add_overflow(x, y, &out);
    };
    int64_t low = 0, high = 0;
    const bool over_low =
        signed_sum(a.signed_least, subtract ? b.signed_most : b.signed_least, low);
    const bool over_high =
        signed_sum(a.signed_most, subtract ? b.signed_least : b.signed_most, high);
    const bool over = over_low || over_high;
    a.signed_least = over ? INT64_MIN : low;
    a.signed_most = over ? INT64_MAX : high;
    const uint64_t least = subtract ? a.least - b.most : a.least + b.least;
    const uint64_t most = subtract ? a.most - b.least : a.most + b.most;
    // Where both ends wrap, or none, the order stays.
    const bool wraps_low = subtract ? a.least < b.most : sum_overflows(a.least, b.least);
    const bool wraps_high = subtract ? a.most < b.least : sum_overflows(a.most, b.most);
    const auto low32 = [&](uint32_t x, uint32_t y) { return subtract ? x - y : x + y; };
    const uint32_t least32 = low32(a.low_least, subtract ? b.low_most : b.low_least);
    const uint32_t most32 = low32(a.low_most, subtract ? b.low_least : b.low_most);
    const bool wraps_low32 = subtract ? a.low_least < b.low_most : least32 < a.low_least;
    const bool wraps_high32 = subtract ? a.low_most < b.low_least : most32 < a.low_most;
    a.least = wraps_low == wraps_high ? least : 0;
    a.most = wraps_low == wraps_high ? most : UINT64_MAX;
    a.low_least = wraps_low32 == wraps_high32 ? least32 : 0;
    a.low_most = wraps_low32 == wraps_high32 ? most32 : UINT32_MAX;
}

/// What bits alone say, within `most`.
void bound_by_bits(Scalar& a, uint64_t most) {
    const Bits bits = a.bits;
    a = {};
    a.bits = bits;
    a.least = bits.value;
    a.most = std::min(bits.value | bits.mask, most);
    a.low_least = static_cast<uint32_t>(bits.value);
    a.low_most = static_cast<uint32_t>(bits.value | bits.mask);
    if (most <= kLow) a.low_most = std::min(a.low_most, static_cast<uint32_t>(most));
}

void shift_left(Scalar& a, unsigned by) {
    const uint64_t least = a.least, most = a.most;
    a.bits = shifted_left(a.bits, by);
    forget_bounds(a);
    if (by < 64 && most <= UINT64_MAX >> by) {
        a.least = least << by;
        a.most = most << by;
    }
}

void shift_right(Scalar& a, unsigned by) {
    const uint64_t least = a.least, most = a.most;
    a.bits = shifted_right(a.bits, by);
    forget_bounds(a);
    a.least = least >> by;
    a.most = most >> by;
}

void shift_right_signed(Scalar& a, unsigned by, bool is_wide) {
    if (!is_wide) {
        const auto value = static_cast<int32_t>(a.bits.value),
                   mask = static_cast<int32_t>(a.bits.mask);
        a.bits = {static_cast<uint32_t>(value >> by), static_cast<uint32_t>(mask >> by)};
        a.bits.value &= ~a.bits.mask;
        forget_bounds(a);
        return;
    }
    const int64_t least = a.signed_least >> by, most = a.signed_most >> by;
    a.bits = {static_cast<uint64_t>(static_cast<int64_t>(a.bits.value) >> by),
              static_cast<uint64_t>(static_cast<int64_t>(a.bits.mask) >> by)};
    a.bits.value &= ~a.bits.mask;
    forget_bounds(a);
    a.signed_least = least;
    a.signed_most = most;
}

void learn_equal(bool is_wide, Scalar& a, Scalar& b) {
    a.low_least = b.low_least = std::max(a.low_least, b.low_least);
    a.low_most = b.low_most = std::min(a.low_most, b.low_most);
    if (!is_wide) {
        const Bits low = meet({a.bits.value & kLow, a.bits.mask & kLow},
                              {b.bits.value & kLow, b.bits.mask & kLow});
        a.bits = {(a.bits.value & ~kLow) | low.value, (a.bits.mask & ~kLow) | low.mask};
        b.bits = {(b.bits.value & ~kLow) | low.value, (b.bits.mask & ~kLow) | low.mask};
        return;
    }
    a.least = b.least = std::max(a.least, b.least);
    a.most = b.most = std::min(a.most, b.most);
    a.signed_least = b.signed_least = std::max(a.signed_least, b.signed_least);
    a.signed_most = b.signed_most = std::min(a.signed_most, b.signed_most);
    a.bits = b.bits = meet(a.bits, b.bits);
}

/// Of unequal numbers only one at the end of the other's bounds tells something.
void learn_unequal(bool is_wide, Scalar& a, const Scalar& b) {
    if (is_wide && b.is_known()) {
        const uint64_t value = b.bits.value;
        if (a.least == value) ++a.least;
        if (a.most == value) --a.most;
        if (a.signed_least == static_cast<int64_t>(value)) ++a.signed_least;
        if (a.signed_most == static_cast<int64_t>(value)) --a.signed_most;
    } else if (!is_wide && b.low_least == b.low_most) {
        if (a.low_least == b.low_least) ++a.low_least;
        if (a.low_most == b.low_least) --a.low_most;
    }
}

void learn_less(Op op, bool is_wide, Scalar& a, Scalar& b) {
    const uint32_t apart = op == Op::JLT || op == Op::JSLT ? 1 : 0;
    if (op == Op::JLT || op == Op::JLE) {
        if (is_wide) {
            a.most = std::min(a.most, b.most - apart);
            b.least = std::max(b.least, a.least + apart);
        } else {
            a.low_most = std::min(a.low_most, b.low_most - apart);
            b.low_least = std::max(b.low_least, a.low_least + apart);
        }
    } else if (is_wide) {
        a.signed_most = std::min(a.signed_most, b.signed_most - apart);
        b.signed_least = std::max(b.signed_least, a.signed_least + apart);
    }
}

void learn_mask(bool is_wide, bool holds, Scalar& a, const Scalar& b) {
    if (!b.is_known()) return;
    const uint64_t value = is_wide ? b.bits.value : b.bits.value & kLow;
    if (!holds)
        a.bits = {a.bits.value & ~value, a.bits.mask & ~value};
    else if (std::has_single_bit(value))
        a.bits = {a.bits.value | value, a.bits.mask & ~value};
}

template <class T>
int decided_by(Op op, T a_least, T a_most, T b_least, T b_most) {
    switch (op) {
        case Op::JGT:
        case Op::JSGT:
            return a_least > b_most ? 1 : a_most <= b_least ? 0 : -1;
        case Op::JLT:
        case Op::JSLT:
            return a_most < b_least ? 1 : a_least >= b_most ? 0 : -1;
        case Op::JGE:
        case Op::JSGE:
            return a_least >= b_most ? 1 : a_most < b_least ? 0 : -1;
        default:  // JLE, JSLE
            return a_most <= b_least ? 1 : a_least > b_most ? 0 : -1;
    }
}

Scalar low_half(Scalar s) {
    s.cut();
    return s;
}

}  // namespace

Scalar Scalar::known(uint64_t value) {
    const auto low = static_cast<uint32_t>(value);
    const auto as_signed = static_cast<int64_t>(value);
    return {known_bits(value), value, value, as_signed, as_signed, low, low};
}

Scalar Scalar::of_bytes(unsigned bytes) {
    Scalar s;
    if (bytes >= 8) return s;
    s.bits.mask = (uint64_t{1} << 8 * bytes) - 1;
    s.settle();
    return s;
}

void Scalar::settle() {
    for (int round = 0; round < 2; ++round) {
        pick();
        least = std::max(least, bits.value);
        most = std::min(most, bits.value | bits.mask);
        low_least = std::max(low_least, static_cast<uint32_t>(bits.value));
        low_most = std::min(low_most, static_cast<uint32_t>(bits.value | bits.mask));
        // Both ends with one upper half: the lower halves are in order.
        if (least >> 32 == most >> 32) {
            low_least = std::max(low_least, static_cast<uint32_t>(least));
            low_most = std::min(low_most, static_cast<uint32_t>(most));
            least = std::max(least, (least & ~kLow) | low_least);
            most = std::min(most, (most & ~kLow) | low_most);
        }
        if (static_cast<int64_t>(least) <= static_cast<int64_t>(most)) {
            signed_least = std::max(signed_least, static_cast<int64_t>(least));
            signed_most = std::min(signed_most, static_cast<int64_t>(most));
        }
        if ((signed_least < 0) == (signed_most < 0)) {
            least = std::max(least, static_cast<uint64_t>(signed_least));
            most = std::min(most, static_cast<uint64_t>(signed_most));
        }
    }
    if (least > most || low_least > low_most) return;  // no packet goes this way
    bits = meet(bits, between(least, most));
    const Bits low = meet({bits.value & kLow, bits.mask & kLow}, between(low_least, low_most));
    bits = {(bits.value & ~kLow) | (low.value & kLow), (bits.mask & ~kLow) | (low.mask & kLow)};
    least = std::max(least, bits.value);
    most = std::min(most, bits.value | bits.mask);
}

/// Bits and bounds that have one number in common leave it alone.
void Scalar::pick() {
    const bool is_run = bits.value == 0 && (bits.mask & (bits.mask + 1)) == 0;
    if (is_run || bits.is_known()) return;
    const bool least_fits = (least & ~bits.mask) == bits.value;
    const uint64_t next = next_of(bits, least);
    if (least_fits && next > most)
        *this = known(least);
    else if (!least_fits && next <= most &&
             (next == (bits.value | bits.mask) || next_of(bits, next) > most))
        *this = known(next);
}

void Scalar::cut() {
    const uint32_t from = low_least, to = low_most;
    bits = {bits.value & kLow, bits.mask & kLow};
    forget_bounds(*this);
    least = low_least = from;
    most = low_most = to;
    settle();
}

bool Scalar::holds(const Scalar& other) const {
    if (least > other.least || most < other.most || signed_least > other.signed_least ||
        signed_most < other.signed_most || low_least > other.low_least || low_most < other.low_most)
        return false;
    return (other.bits.mask & ~bits.mask) == 0 && (other.bits.value & ~bits.mask) == bits.value;
}

Scalar combine(Op op, bool is_wide, Scalar a, Scalar b) {
    if (!is_wide) {
        a.cut();
        b.cut();
    }
    const bool is_shift = op == Op::LSH || op == Op::RSH || op == Op::ARSH;
    if (is_shift && (!b.is_known() || b.bits.value >= (is_wide ? 64 : 32)))
        return Scalar::of_bytes(is_wide ? 8 : 4);
    const auto by = static_cast<unsigned>(b.bits.value);
    switch (op) {
        case Op::ADD:
        case Op::SUB:
            add_bounds(a, b, op == Op::SUB);
            a.bits = op == Op::SUB ? difference_of(a.bits, b.bits) : sum_of(a.bits, b.bits);
            break;
        case Op::MUL: {
            const uint64_t least = a.least * b.least, most = a.most * b.most;
            const bool fits = a.most <= kLow && b.most <= kLow;
            a.bits = product_of(a.bits, b.bits);
            forget_bounds(a);
            if (fits) {
                a.least = least;
                a.most = most;
            }
            break;
        }
        case Op::AND: {
            const uint64_t most = std::min(a.most, b.most);
            a.bits = conjunction(a.bits, b.bits);
            bound_by_bits(a, most);
            break;
        }
        case Op::OR: {
            const uint64_t least = std::max(a.least, b.least);
            a.bits = disjunction(a.bits, b.bits);
            bound_by_bits(a, UINT64_MAX);
            a.least = std::max(a.least, least);
            break;
        }
        case Op::XOR:
            a.bits = exclusive(a.bits, b.bits);
            bound_by_bits(a, UINT64_MAX);
            break;
        case Op::LSH:
            shift_left(a, by);
            break;
        case Op::RSH:
            shift_right(a, by);
            break;
        case Op::ARSH:
            shift_right_signed(a, by, is_wide);
            break;
        default:  // DIV and MOD, of which it works out nothing
            return Scalar::of_bytes(is_wide ? 8 : 4);
    }
    a.settle();
    if (!is_wide) a.cut();
    return a;
}

Scalar swapped(Op op, unsigned bytes, const Scalar& a) {
    Scalar s;
    s.bits = {ebpf::swap_bytes(op, bytes, a.bits.value), ebpf::swap_bytes(op, bytes, a.bits.mask)};
    s.settle();
    return s;
}

int decided(Op op, bool is_wide, const Scalar& left, const Scalar& right) {
    const Scalar a = is_wide ? left : low_half(left), b = is_wide ? right : low_half(right);
    if (op == Op::JSET) {
        if (!b.is_known()) return -1;
        if (a.bits.value & b.bits.value) return 1;
        return ((a.bits.value | a.bits.mask) & b.bits.value) == 0 ? 0 : -1;
    }
    if (a.is_known() && b.is_known()) {
        if (is_wide) return ebpf::holds(op, a.bits.value, b.bits.value) ? 1 : 0;
        return ebpf::holds(op, static_cast<uint32_t>(a.bits.value),
                           static_cast<uint32_t>(b.bits.value))
                   ? 1
                   : 0;
    }
    if (op == Op::JEQ || op == Op::JNE) {
        const bool never = a.least > b.most || a.most < b.least || a.signed_least > b.signed_most ||
                           a.signed_most < b.signed_least ||
                           (is_wide && (a.low_least > b.low_most || a.low_most < b.low_least)) ||
                           ((a.bits.value ^ b.bits.value) & ~a.bits.mask & ~b.bits.mask) != 0;
        return never ? (op == Op::JNE ? 1 : 0) : -1;
    }
    const bool is_signed = op == Op::JSGT || op == Op::JSGE || op == Op::JSLT || op == Op::JSLE;
    if (is_signed && !is_wide) return -1;
    if (is_signed)
        return decided_by(op, a.signed_least, a.signed_most, b.signed_least, b.signed_most);
    return decided_by(op, a.least, a.most, b.least, b.most);
}

void learn(Op op, bool is_wide, bool holds, Scalar& a, Scalar& b) {
    if (op == Op::JSET) {
        learn_mask(is_wide, holds, a, b);
        a.settle();
        return;
    }
    if (!holds) op = ebpf::negated(op);
    if (op == Op::JEQ) {
        learn_equal(is_wide, a, b);
    } else if (op == Op::JNE) {
        learn_unequal(is_wide, a, b);
        learn_unequal(is_wide, b, a);
    } else if (op == Op::JGT || op == Op::JGE || op == Op::JSGT || op == Op::JSGE) {
        learn_less(ebpf::mirrored(op), is_wide, b, a);
    } else {
        learn_less(op, is_wide, a, b);
    }
    a.settle();
    b.settle();
}

}  // namespace vfm::bpf
