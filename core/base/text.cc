#include "core/base/text.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <vector>

#include "core/base/bytes.h"

namespace vfm {
namespace {

/// Insertions, deletions, replacements and exchanges of neighbours between two words, row by row.
size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    std::vector<size_t> above = row, two_above = row;
    for (size_t i = 0; i < a.size(); ++i) {
        two_above.swap(above);
        above.swap(row);
        row[0] = i + 1;
        for (size_t j = 0; j < b.size(); ++j) {
            row[j + 1] =
                std::min({above[j] + (a[i] == b[j] ? 0 : 1), above[j + 1] + 1, row[j] + 1});
            if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
                row[j + 1] = std::min(row[j + 1], two_above[j - 1] + 1);
        }
    }
    return row.back();
}

ParsedNumber parse_digits(std::string_view digits, int base) {
    ParsedNumber result;
    uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (digits.empty() || end != digits.data() + digits.size()) return result;
    if (error == std::errc::result_out_of_range)
        result.error = NumberError::out_of_range;
    else if (error == std::errc{})
        result.value = value;
    return result;
}

ParsedNumber parse_ipv4(std::string_view text) {
    ParsedNumber result;
    uint64_t address = 0;
    bool fits = true;
    for (int part = 0; part < 4; ++part) {
        const size_t dot = part < 3 ? text.find('.') : text.size();
        if (dot == std::string_view::npos) return result;
        const std::string_view digits = text.substr(0, dot);
        const ParsedNumber byte = parse_digits(digits, 10);
        if (!byte.value && byte.error == NumberError::not_a_number) return result;
        if (!byte.value || *byte.value > 255) fits = false;
        address = address << 8 | (byte.value.value_or(0) & 255);
        text.remove_prefix(part < 3 ? dot + 1 : dot);
    }
    result.is_ipv4 = true;
    if (fits)
        result.value = address;
    else
        result.error = NumberError::out_of_range;
    return result;
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates) {
    if (word.size() > 64) return std::nullopt;  // no known name is that long
    size_t best = std::min<size_t>(3, std::max<size_t>(1, word.size() / 3)) + 1;
    best = std::min(best, word.size());  // something of the word must be left
    std::optional<std::string_view> found;
    for (const std::string_view candidate : candidates) {
        const size_t distance = edit_distance(word, candidate);
        if (distance < best) {
            best = distance;
            found = candidate;
        }
    }
    return found;
}

ParsedNumber parse_number(std::string_view text) {
    if (text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == 'x')
        return parse_digits(text.substr(2), 16);
    if (text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == 'b')
        return parse_digits(text.substr(2), 2);
    if (text.find('.') != std::string_view::npos) return parse_ipv4(text);
    return parse_digits(text, 10);
}

std::optional<Wide> parse_ipv6(std::string_view text) {
    uint8_t bytes[16];
    if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
    if (inet_pton(AF_INET6, std::string(text).c_str(), bytes) != 1) return std::nullopt;
    return Wide{load_be<uint64_t>(bytes), load_be<uint64_t>(bytes + 8)};
}

std::string ipv6_text(Wide address) {
    // The C library writes ::/96 with dots, as nobody does any more (RFC 5952, section 5).
    if (address.hi == 0 && address.lo >> 32 == 0)
        return address.lo == 0 ? "::"
               : address.lo >> 16 == 0
                   ? fmt::format("::{:x}", address.lo)
                   : fmt::format("::{:x}:{:x}", address.lo >> 16, address.lo & 0xffff);
    uint8_t bytes[16];
    for (unsigned i = 0; i < 8; ++i) {
        bytes[i] = static_cast<uint8_t>(address.hi >> (56 - 8 * i));
        bytes[8 + i] = static_cast<uint8_t>(address.lo >> (56 - 8 * i));
    }
    char text[INET6_ADDRSTRLEN];
    return inet_ntop(AF_INET6, bytes, text, sizeof text);
}

std::string ipv4_text(uint32_t address) {
    return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255,
                       address & 255);
}

}  // namespace vfm
