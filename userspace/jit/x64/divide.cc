// Division and remainder. The divisor is not 0: a guard before has seen to it.
#include <bit>

#include "userspace/jit/x64/emitter.h"

namespace vfm::jit {

using ir::Op;
using ir::Value;

// By a number known now: shifts, or for dividends below 2^31 a multiplication by the reciprocal.
// With n bits of dividend, s = n + ceil(log2 d) and m = ceil(2^s / d), a * m >> s is exact, and the
// product is below 2^64 for n <= 31. False if it takes a division after all.
bool Emitter::divide_by_number(Id id, const Value& value) {
    const uint64_t* by = number(value.b);
    if (!by || *by == 0) return false;
    const bool remainder = value.op == Op::mod;
    const unsigned own = target(id, r10);
    const bool wide = is_wide(value.a);
    if (std::has_single_bit(*by)) {
        fetch_into(value.a, own);
        const auto log = static_cast<uint32_t>(std::countr_zero(*by));
        if (!remainder) {
            if (!wide && log > 31)
                load_number(own, 0);
            else if (log > 0)
                out_.shr(sized(own, wide), log);
        } else if (*by - 1 <= INT32_MAX) {
            out_.and_(d(own), static_cast<int32_t>(*by - 1));
        } else if (wide) {
            load_number(r11, *by - 1);
            out_.and_(q(own), x86::r11);
        }
        store(id, own);
        return true;
    }
    const unsigned bits = plan_[value.a].bits;
    if (bits > 31 || *by > UINT32_MAX) return false;
    const unsigned shift = bits + static_cast<unsigned>(std::bit_width(*by - 1));
    if (shift > 63) return false;
    const uint64_t reciprocal = ((uint64_t{1} << shift) + *by - 1) / *by;
    fetch_into(value.a, r10);
    load_number(r11, reciprocal);
    out_.imul(x86::r11, x86::r10);
    out_.shr(x86::r11, shift);
    if (remainder) {
        out_.imul(x86::r11d, x86::r11d, static_cast<int32_t>(*by));
        out_.sub(x86::r10d, x86::r11d);
        store(id, r10);
    } else {
        store(id, r11);
    }
    return true;
}

void Emitter::divide(Id id, const Value& value) {
    const uint32_t live = next_clobber();
    if (divide_by_number(id, value)) return;
    // rdx:rax / r11; what is in these registers and still needed waits. They may hold the operands,
    // too, so both are copied first.
    const bool wide = is_wide(value.a) || is_wide(value.b);
    const unsigned own = target(id, r10);
    const auto waits = [&](unsigned reg) { return (live & register_bit(reg)) != 0 && own != reg; };
    fetch_into(value.a, r10);
    fetch_into(value.b, r11);
    for (const unsigned reg : {rax, rdx})
        if (waits(reg)) out_.mov(waiting(reg), q(reg));
    move(rax, r10, wide);
    out_.xor_(x86::edx, x86::edx);
    out_.div(sized(r11, wide));
    move(r10, value.op == Op::div ? rax : rdx, wide);
    for (const unsigned reg : {rax, rdx})
        if (waits(reg)) out_.mov(q(reg), waiting(reg));
    store(id, r10);
}

}  // namespace vfm::jit
