// Small helpers for words: the nearest known name for a misspelt one, numbers as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vfm {

/// The candidate with the smallest edit distance to `word` if that is near enough to be a typing
/// mistake (at most a third of the word, and 3; two exchanged neighbours count as one), else
/// nothing. Ties go to the first.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

enum class NumberError : uint8_t { not_a_number, out_of_range };

/// A magnitude: decimal, `0x`, `0b` (either case of the letter), or dotted IPv4 as a 32-bit number.
/// No sign. A result beyond 2^64-1, or an address byte beyond 255, is out of range.
struct ParsedNumber {
    std::optional<uint64_t> value;
    NumberError error = NumberError::not_a_number;
    bool is_ipv4 = false;
};
ParsedNumber parse_number(std::string_view text);

/// 128 bits.
struct Wide {
    uint64_t hi = 0;
    uint64_t lo = 0;
    auto operator<=>(const Wide&) const = default;
};
/// An IPv6 address in any of its written forms, without a zone or prefix length.
std::optional<Wide> parse_ipv6(std::string_view text);
/// The shortest form: 2001:db8::1.
std::string ipv6_text(Wide address);

/// 10.0.0.1 for 0x0a000001.
std::string ipv4_text(uint32_t address);

}  // namespace vfm
