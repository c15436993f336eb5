#include "core/asm/quote.h"

#include <fmt/core.h>

namespace vfm::assembly {
namespace {

/// Value of a hexadecimal digit, -1 for another byte.
int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

constexpr std::string_view kEscapes = "nrt\\\"";
constexpr std::string_view kEscaped = "\n\r\t\\\"";

}  // namespace

std::string quote(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (const size_t i = kEscaped.find(c); i != std::string_view::npos)
            out += {'\\', kEscapes[i]};
        else if (byte < 0x20 || byte >= 0x7f)
            out += fmt::format("\\x{:02x}", byte);
        else
            out += c;
    }
    return out + '"';
}

Unquoted unquote(std::string_view text) {
    Unquoted result;
    size_t at = 1;
    while (at < text.size() && text[at] != '"') {
        if (text[at] != '\\') {
            result.text += text[at++];
            continue;
        }
        const char escape = at + 1 < text.size() ? text[at + 1] : '\0';
        if (const size_t i = kEscapes.find(escape); escape && i != std::string_view::npos) {
            result.text += kEscaped[i];
            at += 2;
        } else if (escape == 'x' && at + 3 < text.size() && hex_digit(text[at + 2]) >= 0 &&
                   hex_digit(text[at + 3]) >= 0) {
            result.text +=
                static_cast<char>(hex_digit(text[at + 2]) * 16 + hex_digit(text[at + 3]));
            at += 4;
        } else {
            result.fault = "an unknown escape in a string; known are \\n \\r \\t \\\\ \\\" \\xNN";
            ++at;
            if (at < text.size()) ++at;
        }
    }
    if (at >= text.size()) {
        result.fault = "a string without its closing quote";
        result.length = text.size();
    } else {
        result.length = at + 1;
    }
    return result;
}

}  // namespace vfm::assembly
