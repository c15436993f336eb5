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

/// One byte a column: what cannot be shown becomes '?', so carets stay under their token.
std::string one_column_each(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c == '\t') c = ' ';
        if (c < 0x20 || c >= 0x7f) c = '?';
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

    std::string carets(std::min(width, room), '^');
    if (colour) carets = fmt::format("{}{}{}", kGreen, carets, kOff);
    return fmt::format("{}{}{}\n{}{}\n", before, one_column_each(line.substr(first, shown)), after,
                       std::string(before.size() + column - first, ' '), carets);
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
    for (size_t i = 0; i < text.size(); ++i) {
        if (i == limit) return out + "...";
        const auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c < 0x7f)
            out += text[i];
        else
            out += fmt::format("\\x{:02x}", c);
    }
    return out;
}

}  // namespace vfm
