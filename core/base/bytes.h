// Byte order: the packet is big-endian, every file format of ours is little-endian.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vfm {

static_assert(std::endian::native == std::endian::little, "VFM is written for little-endian hosts");

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

/// Unsigned integer of `at[0..sizeof(T))`, most significant byte first.
template <std::unsigned_integral T>
T load_be(const uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return sizeof(T) == 1 ? value : std::byteswap(value);
}

template <std::unsigned_integral T>
T load_le(const uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

/// `size` (1, 2, 4 or 8) bytes most significant first, zero-extended.
inline uint64_t load_be(const uint8_t* at, unsigned size) {
    switch (size) {
        case 1:
            return *at;
        case 2:
            return load_be<uint16_t>(at);
        case 4:
            return load_be<uint32_t>(at);
        default:
            return load_be<uint64_t>(at);
    }
}

/// `size` (1..8) bytes least significant first, zero-extended.
inline uint64_t load_le(const uint8_t* at, unsigned size) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i) value |= uint64_t{at[i]} << (8 * i);
    return value;
}

/// Appends the low `size` bytes of `value`, least significant first.
inline void append_le(Bytes& out, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// "04 0a 00": two lower-case digits a byte, one space between.
std::string hex(ByteView bytes);

}  // namespace vfm
