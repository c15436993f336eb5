// Numbers of the assembly and the ranges that immediates take.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/asm/lexer.h"
#include "core/base/text.h"
#include "core/isa/insn.h"

namespace vfm::assembly {

/// What an immediate takes: `negative` is the magnitude of the least value.
struct Range {
    uint64_t last = 0;
    uint64_t negative = 0;
    std::string text() const;  ///< "-32768..32767"
};
/// The range of an instruction's immediate (a kind other than none).
Range range_of(const OpInfo& info);

/// The number of a token, two's complement for a negative one, or a reported error. `what` names
/// what takes it: "LD8".
std::optional<uint64_t> number_in(const Token& token, const Range& range, std::string_view what,
                                  Errors& errors);

/// "key=ipv4" as "key" and "ipv4"; a token that is no option has an empty key.
struct Option {
    std::string_view key;
    std::string_view value;
};
Option split_option(const Token& token);
/// An option that is a word alone.
inline bool is_flag(const Token& token, std::string_view word) {
    return !token.quoted && token.text == word;
}

/// A number without a sign up to `last`.
std::optional<uint64_t> plain_number(std::string_view text, uint64_t last);

/// "10.0.0.0/8". The length is the width of the key if there is none.
struct Prefix {
    Wide value;
    uint8_t length = 0;
};
std::optional<Prefix> parse_prefix(std::string_view text, unsigned width);

/// A number up to 128 bits: all forms of an ordinary one, and IPv6 addresses.
std::optional<Wide> wide_number(std::string_view text);
/// The same for people to read, given the width of such keys: an address or a decimal number.
std::string wide_text(Wide value, unsigned width);

}  // namespace vfm::assembly
