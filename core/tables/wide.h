// Keys of 32, 64 and 128 bits as numbers.
#pragma once

#include <bit>
#include <cstdint>

namespace vfm {

__extension__ using WideKey = unsigned __int128;

constexpr WideKey wide_key(uint64_t hi, uint64_t lo) { return WideKey{hi} << 64 | lo; }

/// Bits that a key needs, 0 of 0.
constexpr unsigned bits_of(WideKey key) {
    const auto hi = static_cast<uint64_t>(key >> 64);
    return static_cast<unsigned>(hi != 0 ? 64 + std::bit_width(hi)
                                         : std::bit_width(static_cast<uint64_t>(key)));
}

/// The greatest key of `width` bits, 1 to 128.
constexpr WideKey greatest_of(unsigned width) { return ~WideKey{0} >> (128 - width); }

/// Keys from `first` to `last`, both included.
template <class Key>
struct KeyRange {
    Key first = 0;
    Key last = 0;
    bool operator==(const KeyRange&) const = default;
};

/// The keys that begin with the `length` highest of `width` bits of `value`; its other bits are
/// ignored.
constexpr KeyRange<WideKey> prefix_range(WideKey value, unsigned length, unsigned width) {
    if (length == 0) return {0, greatest_of(width)};
    const WideKey rest = length >= width ? 0 : greatest_of(width - length);
    return {value & ~rest, value | rest};
}

}  // namespace vfm
