// Compiling a string in a test, and messages as one line each.
#pragma once

#include <fmt/core.h>

#include <memory>
#include <string>
#include <vector>

#include "core/lisp/compile.h"

namespace vfm::test {

inline std::shared_ptr<const SourceFile> text(std::string source) {
    return std::make_shared<const SourceFile>("f.vfl", std::move(source));
}

/// "1:4 unknown name `proot` (did you mean `proto`?)", in another file "b.vfl:1:4 ..."
inline std::string line_of(const Diagnostic& d) {
    std::string place;
    if (d.source) {
        const Position at = d.source->position(d.span.begin);
        if (d.source->name() != "f.vfl") place = d.source->name() + ":";
        place += fmt::format("{}:{} ", at.line, at.column);
    }
    return place + d.message + (d.hint.empty() ? "" : fmt::format(" ({})", d.hint));
}

inline std::vector<std::string> lines_of(const std::vector<Diagnostic>& diagnostics) {
    std::vector<std::string> lines;
    for (const Diagnostic& d : diagnostics) lines.push_back(line_of(d));
    return lines;
}

/// The errors of a text that must not compile; empty if it does.
inline std::vector<std::string> errors_of(std::string source) {
    const auto compiled = lisp::compile(text(std::move(source)));
    return compiled ? std::vector<std::string>{} : lines_of(compiled.error().diagnostics);
}

/// `count` times the same text.
inline std::string repeat(std::string_view piece, size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += piece;
    return out;
}

using Lines = std::vector<std::string>;

}  // namespace vfm::test

namespace std {
inline ostream& operator<<(ostream& out, const vector<string>& lines) {
    for (const string& line : lines) out << "\n  " << line;
    return out;
}
}  // namespace std
