#include "core/lisp/literal.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/diagnostic.h"

namespace vfm::lisp {
namespace {

constexpr uint64_t kMinNegative = uint64_t{1} << 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

ParsedLiteral number(uint64_t value) { return {Literal{.lo = value}, {}}; }
ParsedLiteral wrong(std::string_view token, std::string_view what) {
    return {{}, fmt::format("`{}` {}", printable(token), what)};
}

struct Unit {
    std::string_view name;
    uint64_t nanoseconds;
};
constexpr Unit kUnits[] = {{"ns", 1},
                           {"us", 1000},
                           {"ms", 1000000},
                           {"s", 1000000000},
                           {"m", 60 * 1000000000ull},
                           {"h", 3600 * 1000000000ull}};

/// `100ms`; nothing if the token is no time.
std::optional<ParsedLiteral> duration(std::string_view token) {
    const auto digits_end = std::ranges::find_if_not(token, is_digit);
    const auto digits = static_cast<size_t>(digits_end - token.begin());
    const auto* unit = std::ranges::find(kUnits, token.substr(digits), &Unit::name);
    if (digits == 0 || unit == std::end(kUnits)) return std::nullopt;
    const ParsedNumber count = parse_number(token.substr(0, digits));
    uint64_t value = 0;
    if (!count.value || __builtin_mul_overflow(*count.value, unit->nanoseconds, &value))
        return wrong(token, "is out of range: times go to 2^64-1 nanoseconds");
    return number(value);
}

/// Six pairs of hexadecimal digits.
std::optional<uint64_t> mac(std::string_view token) {
    if (token.size() != 17) return std::nullopt;
    uint64_t value = 0;
    for (size_t i = 0; i < token.size(); ++i) {
        const char c = token[i];
        if (i % 3 == 2 ? c != ':' : !is_hex(c)) return std::nullopt;
        if (i % 3 != 2)
            value =
                value << 4 | static_cast<uint64_t>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

ParsedLiteral prefix(std::string_view token) {
    const size_t slash = token.rfind('/');
    const std::string_view address = token.substr(0, slash);
    const std::string_view digits = token.substr(slash + 1);
    const ParsedNumber four = parse_number(address);
    const std::optional<Wide> six = parse_ipv6(address);
    if (!six && !(four.value && four.is_ipv4))
        return wrong(token, "is not a prefix: expected an IPv4 or IPv6 address before the `/`");
    const ParsedNumber length = parse_number(digits);
    const unsigned most = six ? 128 : 32;
    if (digits.empty() || !std::ranges::all_of(digits, is_digit) || !length.value ||
        *length.value > most)
        return wrong(token, fmt::format("is not a prefix: its length goes from 0 to {}", most));
    Literal out{.kind = LiteralKind::prefix,
                .is_ipv6 = six.has_value(),
                .length = static_cast<uint8_t>(*length.value)};
    const Wide mask = prefix_mask(six ? out.length : out.length + 96u);
    out.hi = six ? six->hi & mask.hi : 0;
    out.lo = (six ? six->lo : *four.value) & mask.lo;
    return {out, {}};
}

/// A token with colons all of whose characters may stand in an address.
ParsedLiteral with_colons(std::string_view token) {
    if (const auto value = mac(token)) return number(*value);
    if (const auto address = parse_ipv6(token))
        return {Literal{.kind = LiteralKind::address,
                        .is_ipv6 = true,
                        .hi = address->hi,
                        .lo = address->lo},
                {}};
    return wrong(token,
                 "is neither an IPv6 address nor a MAC address (six pairs of hexadecimal "
                 "digits)");
}

/// Tokens that begin with a digit, behind a minus or not, and are no other literal.
ParsedLiteral plain_number(std::string_view token) {
    const bool negative = token[0] == '-';
    const std::string_view digits = token.substr(negative ? 1 : 0);
    const ParsedNumber parsed = parse_number(digits);
    if (negative && !std::ranges::all_of(digits, is_digit))
        return wrong(token, "is not a number: only decimal numbers take a `-`");
    if (parsed.value && (!negative || *parsed.value <= kMinNegative))
        return number(negative ? 0 - *parsed.value : *parsed.value);
    if (parsed.value || parsed.error == NumberError::out_of_range)
        return wrong(token, parsed.is_ipv4
                                ? "is out of range: the parts of an IPv4 address go from 0 to 255"
                                : "is out of range: numbers go from -2^63 to 2^64-1");
    return wrong(token,
                 "is not a number: expected decimal digits, `0x`, `0b` or a dotted IPv4 address");
}

bool may_be_address(char c) { return is_hex(c) || c == ':' || c == '.' || c == '/'; }

}  // namespace

ParsedLiteral parse_literal(std::string_view token) {
    const bool numeric =
        is_digit(token[0]) || (token[0] == '-' && token.size() > 1 && is_digit(token[1]));
    const bool colons = std::ranges::count(token, ':') >= 2;
    if (!numeric && !(colons && (is_hex(token[0]) || token.starts_with("::")) &&
                      std::ranges::all_of(token, may_be_address)))
        return {};
    if (token[0] != '-') {
        if (token.find('/') != std::string_view::npos) return prefix(token);
        if (colons) return with_colons(token);
        if (auto time = duration(token)) return *std::move(time);
    }
    return plain_number(token);
}

Wide prefix_mask(unsigned length) {
    const auto ones = [](unsigned bits) {
        return bits == 0 ? 0 : bits >= 64 ? UINT64_MAX : UINT64_MAX << (64 - bits);
    };
    return {ones(length), length > 64 ? ones(length - 64) : 0};
}

}  // namespace vfm::lisp
