// What was wrong, where, and what would have been right. Making one never prints: render() turns
// it into text, and only tools decide where that text goes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/source.h"

namespace vfm {

enum class Severity : uint8_t { error, warning, note };

/// One message. It is about a span of a text (`source` set), a byte of a binary input (`offset`
/// set), or the thing called `where` as a whole.
struct Diagnostic {
    Severity severity = Severity::error;
    std::string where;                         ///< file or thing; unused when `source` is set
    std::shared_ptr<const SourceFile> source;  ///< the text that `span` points into
    Span span;
    std::optional<uint64_t> offset;  ///< byte offset in a binary input
    std::string kind;      ///< of a rejected program: "STACK_UNDERFLOW", shown before the message
    std::string mnemonic;  ///< of a rejected program: the instruction's, if there is one
    std::string message;   ///< lower case, no full stop: what was found, what was expected
    std::string hint;      ///< at most one line; empty for none

    static Diagnostic at(std::shared_ptr<const SourceFile> source, Span span, std::string message,
                         std::string hint = {});
    static Diagnostic at_offset(std::string where, uint64_t offset, std::string message);
    static Diagnostic about(std::string where, std::string message, std::string hint = {});
};

/// `FILE:LINE:COL: error: WHAT`, the source line and carets, then `hint: ...`; for binary input
/// `FILE:+0xOFFSET: error: WHAT`. Ends with a newline. Tabs are shown as one space and long lines
/// are cut around the span, so the caret always stands under its token. Control bytes of the input
/// are shown escaped: a hostile file cannot drive the terminal.
std::string render(const Diagnostic& diagnostic, bool colour = false);
std::string render(const std::vector<Diagnostic>& diagnostics, bool colour = false);

/// User text made safe to show inside a message: what is neither printable ASCII nor a visible
/// character of well-formed UTF-8 as \xNN a byte, cut to `limit` bytes with "..." behind.
std::string printable(std::string_view text, size_t limit = 60);

}  // namespace vfm
