// Tokens that are numbers, addresses or prefixes: in programs and in the files of sets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/text.h"

namespace vfm::lisp {

enum class LiteralKind : uint8_t {
    number,   ///< also an IPv4 address (32 bits), a MAC address (48 bits), a time (nanoseconds)
    address,  ///< IPv6
    prefix,   ///< of either family
};

struct Literal {
    LiteralKind kind = LiteralKind::number;
    bool is_ipv6 = false;  ///< of a prefix: its family
    uint8_t length = 0;    ///< of a prefix: its bits, from the family's top
    uint64_t hi = 0;       ///< of an IPv6 address or prefix
    uint64_t lo = 0;       ///< the number, or the low half; the bits behind a prefix are 0
    bool operator==(const Literal&) const = default;
};

/// A literal, an error, or neither: then the token is a symbol.
struct ParsedLiteral {
    std::optional<Literal> literal;
    std::string error;
};
ParsedLiteral parse_literal(std::string_view token);

/// The bits of a prefix of `length` in a 128-bit number.
Wide prefix_mask(unsigned length);

}  // namespace vfm::lisp
