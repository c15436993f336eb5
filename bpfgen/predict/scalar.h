// What the kernel's verifier knows of a number: which bits are known, and bounds of it as a number
// of 64 and of 32 bits.
#pragma once

#include <cstdint>

#include "core/ebpf/insn.h"

namespace vfm::bpf {

/// Bits: `value` where `mask` is 0, unknown where it is 1.
struct Bits {
    uint64_t value = 0;
    uint64_t mask = ~uint64_t{0};

    bool is_known() const { return mask == 0; }
    bool operator==(const Bits&) const = default;
};

struct Scalar {
    Bits bits{};
    uint64_t least = 0, most = UINT64_MAX;
    int64_t signed_least = INT64_MIN, signed_most = INT64_MAX;
    uint32_t low_least = 0, low_most = UINT32_MAX;  ///< of the low 32 bits

    static Scalar known(uint64_t value);
    /// Zero-extended from so many bytes.
    static Scalar of_bytes(unsigned bytes);

    bool is_known() const { return bits.is_known(); }
    bool fits_low() const { return most <= UINT32_MAX; }
    /// Makes bits and bounds say the same, as far as the kernel does.
    void settle();
    /// The low 32 bits alone.
    void cut();
    /// True if all that `other` can be this can be, too.
    bool holds(const Scalar& other) const;

  private:
    void pick();
};

/// What an operation makes of `a` and `b`.
Scalar combine(ebpf::Op op, bool is_wide, Scalar a, Scalar b);

/// LE or BE of so many bytes.
Scalar swapped(ebpf::Op op, unsigned bytes, const Scalar& a);

/// 1: the branch is always taken; 0: never; -1: either.
int decided(ebpf::Op op, bool is_wide, const Scalar& left, const Scalar& right);

/// Learns that `a op b` holds, or with `holds` false that it does not.
void learn(ebpf::Op op, bool is_wide, bool holds, Scalar& a, Scalar& b);

}  // namespace vfm::bpf
