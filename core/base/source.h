// Text of one input file with a quick way from a byte offset to a line and a column.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vfm {

/// A half-open range of byte offsets into one text.
struct Span {
    uint32_t begin = 0;
    uint32_t end = 0;
    bool operator==(const Span&) const = default;
};

/// Line and column as people count them: both from 1, columns in bytes, a tab is one.
struct Position {
    uint32_t line = 1;
    uint32_t column = 1;
    bool operator==(const Position&) const = default;
};

/// An immutable named text. Shared between threads without a lock.
class SourceFile {
  public:
    /// `name` is what messages call the text: a path as given, or `<expr>`.
    SourceFile(std::string name, std::string text);

    const std::string& name() const { return name_; }
    std::string_view text() const { return text_; }

    /// Position of a byte; an offset beyond the end is the place just after the last byte.
    Position position(uint32_t offset) const;
    /// The line numbered `line` (from 1) without its line end; empty beyond the last line.
    std::string_view line(uint32_t line) const;
    /// Number of lines; a text that ends in a newline has no extra empty last line.
    uint32_t line_count() const;

  private:
    std::string name_;
    std::string text_;
    std::vector<uint32_t> starts_;  // byte offset of each line's first byte
};

}  // namespace vfm
