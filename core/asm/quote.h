// Strings of the assembly: any bytes, written so that they stay on one line of printable text.
#pragma once

#include <string>
#include <string_view>

namespace vfm::assembly {

/// `text` in double quotes, with \n \t \r \\ \" and \xNN for what is not printable ASCII.
std::string quote(std::string_view text);

/// The string literal at the start of `text`, which begins with a quote.
struct Unquoted {
    std::string text;
    size_t length = 0;       ///< bytes of the literal, quotes included
    std::string_view fault;  ///< what is wrong with it, empty for nothing
};
Unquoted unquote(std::string_view text);

}  // namespace vfm::assembly
