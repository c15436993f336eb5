// .source with .text, .loc
#include "core/asm/directives.h"
#include "core/asm/operands.h"

namespace vfm::assembly {

void Directives::source(Arguments arguments) {
    if (places_[static_cast<size_t>(Declared::source)].empty())
        module_.source_name = arguments[0].text;
    else
        module_.included.push_back({.name = arguments[0].text, .text = {}});
    declared(Declared::source);
}

void Directives::text(Arguments arguments) {
    std::string& text =
        module_.included.empty() ? module_.source_text : module_.included.back().text;
    for (const Token& token : arguments) {
        if (!token.quoted) errors_.add(token.span, ".text takes strings in double quotes");
        text += token.text;
    }
}

void Directives::loc(Arguments arguments) {
    const Range range{.last = UINT32_MAX};
    const auto line = number_in(arguments[0], range, "a line", errors_);
    const auto column = number_in(arguments[1], range, "a column", errors_);
    uint64_t skip = 0, file = 0;
    for (const Token& token : arguments.subspan(2)) {
        const auto [key, value] = split_option(token);
        const auto bytes =
            value.starts_with('+') ? plain_number(value.substr(1), kMaxCode) : std::nullopt;
        const auto number = plain_number(value, UINT32_MAX);
        if (key.empty() && bytes)
            skip = *bytes;
        else if (key == "file" && number)
            file = *number;
        else
            errors_.add(token.span, "expected file=N, or + and a number of bytes");
    }
    if (!line || !column) return;
    module_.lines.push_back(
        {.offset = static_cast<uint32_t>(module_.code.size() + skip),
         .position = {static_cast<uint32_t>(*line), static_cast<uint32_t>(*column)},
         .file = static_cast<uint32_t>(file)});
    declared(Declared::line);
}

}  // namespace vfm::assembly
