#include "core/asm/operands.h"

#include <fmt/core.h>

namespace vfm::assembly {

std::string Range::text() const {
    return fmt::format("{}{}..{}", negative ? "-" : "", negative, last);
}

Range range_of(const OpInfo& info) {
    const unsigned bits = imm_size(info.imm) * 8;
    const uint64_t half = uint64_t{1} << (bits - 1);
    if (info.imm == ImmKind::jump) return {.last = half - 1, .negative = half};
    const uint64_t last = half - 1 + half;
    return {.last = last, .negative = info.imm == ImmKind::value64 ? half : 0};
}

std::optional<uint64_t> number_in(const Token& token, const Range& range, std::string_view what,
                                  Errors& errors) {
    const bool minus = !token.quoted && token.text.starts_with('-');
    const ParsedNumber number = parse_number(std::string_view(token.text).substr(minus ? 1 : 0));
    const bool malformed = token.quoted || (minus && number.is_ipv4) ||
                           (!number.value && number.error == NumberError::not_a_number);
    if (malformed) {
        errors.add(token.span,
                   fmt::format("{} takes a number, got '{}'", what, printable(token.text)));
        return std::nullopt;
    }
    if (!number.value || *number.value > (minus ? range.negative : range.last)) {
        errors.add(token.span, fmt::format("{} takes a number in {}, got '{}'", what, range.text(),
                                           printable(token.text)));
        return std::nullopt;
    }
    return minus ? 0 - *number.value : *number.value;
}

Option split_option(const Token& token) {
    const std::string_view text = token.text;
    const size_t equals = token.quoted ? std::string_view::npos : text.find('=');
    if (equals == std::string_view::npos) return {{}, text};
    return {text.substr(0, equals), text.substr(equals + 1)};
}

std::optional<uint64_t> plain_number(std::string_view text, uint64_t last) {
    const ParsedNumber number = parse_number(text);
    if (!number.value || *number.value > last) return std::nullopt;
    return number.value;
}

std::optional<Prefix> parse_prefix(std::string_view text, unsigned width) {
    const size_t slash = text.find('/');
    const auto value = wide_number(text.substr(0, slash));
    if (!value) return std::nullopt;
    if (slash == std::string_view::npos) return Prefix{*value, static_cast<uint8_t>(width)};
    const auto length = plain_number(text.substr(slash + 1), width);
    if (!length) return std::nullopt;
    return Prefix{*value, static_cast<uint8_t>(*length)};
}

std::optional<Wide> wide_number(std::string_view text) {
    if (text.find(':') != std::string_view::npos) return parse_ipv6(text);
    const ParsedNumber number = parse_number(text);
    if (!number.value) return std::nullopt;
    return Wide{0, *number.value};
}

std::string wide_text(Wide value, unsigned width) {
    if (width == 128) return ipv6_text(value);
    // Small numbers of 32 bits are ports and protocols rather than addresses.
    if (width == 32 && value.lo >> 24) return ipv4_text(static_cast<uint32_t>(value.lo));
    return fmt::format("{}", value.lo);
}

}  // namespace vfm::assembly
