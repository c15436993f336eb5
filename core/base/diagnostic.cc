#include "core/base/diagnostic.h"

#include <fmt/core.h>

#include <algorithm>

namespace vfm {
namespace {

constexpr size_t kWindow = 100;  // columns of a source line shown at most
constexpr std::string_view kBold = "\x1b[1m", kRed = "\x1b[1;31m", kMagenta = "\x1b[1;35m",
                           kCyan = "\x1b[1;36m", kGreen = "\x1b[1;32m", kOff = "\x1b[0m";

std::string_view word(Severity severity) {
    switch (severity) {
        case Severity::error:
            return "error";
        case Severity::warning:
            return "warning";
        case Severity::note:
            return "note";
    }
    return "";
}

std::string_view tint(Severity severity) {
    switch (severity) {
        case Severity::error:
            return kRed;
        case Severity::warning:
            return kMagenta;
        case Severity::note:
            return kCyan;
    }
    return "";
}

/// Bytes of the character that `text` begins with if it is well-formed UTF-8 beyond ASCII and takes
/// one column without moving its neighbours; else 0. (Zero-width, combining and direction
/// characters could make a line look like another one.)
size_t wide_character(std::string_view text) {
    const auto lead = static_cast<uint8_t>(text[0]);
    const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
    uint32_t code = lead & (0xffu >> (size + 1));
    for (const char c : text.substr(1, size - 1)) {
        if ((c & 0xc0) != 0x80) return 0;
        code = code << 6 | (c & 0x3f);
    }
    constexpr uint32_t kSmallest[] = {0, 0, 0xa1, 0x800, 0x10000};
    struct Range {
        uint32_t first, last;
    };
    constexpr Range kHidden[] = {{0xad, 0xad},     {0x300, 0x36f},   {0x590, 0x8ff},
                                 {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f},
                                 {0xd800, 0xdfff}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}};
    const bool hidden = std::ranges::any_of(
        kHidden, [&](const Range& r) { return code >= r.first && code <= r.last; });
    return code < kSmallest[size] || code > 0x10ffff || hidden ? 0 : size;
}

/// Text of one column a character: what cannot be shown so becomes '?' a byte.
struct Shown {
    std::string text;
    size_t columns = 0;
};

Shown one_column_each(std::string_view text) {
    Shown out;
    while (!text.empty()) {
        const char c = text[0];
        const size_t size = std::max<size_t>(1, wide_character(text));
        if (size > 1)
            out.text += text.substr(0, size);
        else
            out.text += c == '\t' ? ' ' : c < 0x20 || c >= 0x7f ? '?' : c;
        text.remove_prefix(size);
        ++out.columns;
    }
    return out;
}

/// The source line and the line of carets below it.
std::string excerpt(const Diagnostic& diagnostic, bool colour) {
    const Position begin = diagnostic.source->position(diagnostic.span.begin);
    const std::string_view line = diagnostic.source->line(begin.line);
    const size_t column = begin.column - 1;
    if (line.empty() && column == 0 && diagnostic.span.end <= diagnostic.span.begin) return {};
    const size_t width = std::max<size_t>(1, diagnostic.span.end - diagnostic.span.begin);

    size_t first = 0;
    if (line.size() > kWindow && column > kWindow / 2)
        first = std::min(column - kWindow / 2, line.size() - kWindow);
    const size_t shown = std::min(kWindow, line.size() - first);
    const std::string before = first > 0 ? "..." : "";
    const std::string after = first + shown < line.size() ? "..." : "";
    const size_t room = std::max<size_t>(1, first + shown > column ? first + shown - column : 1);

    // Positions count bytes; carets count characters.
    const std::string_view window = line.substr(first, shown);
    const size_t begins = std::min(column - first, window.size());
    const size_t marked = one_column_each(window.substr(begins, std::min(width, room))).columns;
    const size_t indent = before.size() + one_column_each(window.substr(0, begins)).columns;
    std::string carets(std::max<size_t>(1, marked), '^');
    if (colour) carets = fmt::format("{}{}{}", kGreen, carets, kOff);
    return fmt::format("{}{}{}\n{}{}\n", before, one_column_each(window).text, after,
                       std::string(indent, ' '), carets);
}

}  // namespace

Diagnostic Diagnostic::at(std::shared_ptr<const SourceFile> source, Span span, std::string message,
                          std::string hint) {
    Diagnostic d;
    d.source = std::move(source);
    d.span = span;
    d.message = std::move(message);
    d.hint = std::move(hint);
    return d;
}

Diagnostic Diagnostic::at_offset(std::string where, uint64_t offset, std::string message) {
    Diagnostic d;
    d.where = std::move(where);
    d.offset = offset;
    d.message = std::move(message);
    return d;
}

Diagnostic Diagnostic::about(std::string where, std::string message, std::string hint) {
    Diagnostic d;
    d.where = std::move(where);
    d.message = std::move(message);
    d.hint = std::move(hint);
    return d;
}

std::string render(const Diagnostic& diagnostic, bool colour) {
    std::string place;
    if (diagnostic.source) {
        const Position at = diagnostic.source->position(diagnostic.span.begin);
        place = fmt::format("{}:{}:{}: ", printable(diagnostic.source->name(), 4096), at.line,
                            at.column);
    } else if (diagnostic.offset) {
        place = fmt::format("{}:+{:#x}: ", printable(diagnostic.where, 4096), *diagnostic.offset);
    } else if (!diagnostic.where.empty()) {
        place = fmt::format("{}: ", printable(diagnostic.where, 4096));
    }
    const std::string what = diagnostic.kind.empty()
                                 ? diagnostic.message
                                 : fmt::format("{}: {}", diagnostic.kind, diagnostic.message);
    std::string out;
    if (colour) {
        out = fmt::format("{}{}{}{}{}:{} {}\n", kBold, place, kOff, tint(diagnostic.severity),
                          word(diagnostic.severity), kOff, what);
    } else {
        out = fmt::format("{}{}: {}\n", place, word(diagnostic.severity), what);
    }
    if (diagnostic.source) out += excerpt(diagnostic, colour);
    if (!diagnostic.hint.empty()) out += fmt::format("hint: {}\n", diagnostic.hint);
    return out;
}

std::string render(const std::vector<Diagnostic>& diagnostics, bool colour) {
    std::string out;
    for (const Diagnostic& d : diagnostics) out += render(d, colour);
    return out;
}

std::string printable(std::string_view text, size_t limit) {
    std::string out;
    for (size_t at = 0, size = 0; at < text.size(); at += size) {
        if (at >= limit) return out + "...";
        const auto c = static_cast<unsigned char>(text[at]);
        size = std::max<size_t>(1, wide_character(text.substr(at)));
        if (size > 1 || (c >= 0x20 && c < 0x7f))
            out += text.substr(at, size);
        else
            out += fmt::format("\\x{:02x}", c);
    }
    return out;
}

}  // namespace vfm
