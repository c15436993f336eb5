// Text of one input file with a quick way from a byte offset to a line and a column.
#pragma once

#include <cstdint>
#include <memory>
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
    /// `name` is what messages call the text: a path as given, or `<expr>`. A byte order mark at
    /// the start is no part of the text.
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

/// A range of one file of a SourceSet.
struct Place {
    uint32_t file = 0;
    Span span;
    bool operator==(const Place&) const = default;
};

/// The files that one program is made of. The first is the one that was asked for; the others are
/// those that it names, in the order in which they were opened.
class SourceSet {
  public:
    explicit SourceSet(std::shared_ptr<const SourceFile> first) { add(std::move(first)); }

    /// Its number: files never go.
    uint32_t add(std::shared_ptr<const SourceFile> file) {
        files_.push_back(std::move(file));
        return static_cast<uint32_t>(files_.size() - 1);
    }
    uint32_t count() const { return static_cast<uint32_t>(files_.size()); }
    const std::shared_ptr<const SourceFile>& file(uint32_t number) const { return files_[number]; }
    /// Line and column where a place begins.
    Position position(const Place& place) const {
        return files_[place.file]->position(place.span.begin);
    }
    std::string_view text(const Place& place) const {
        return files_[place.file]->text().substr(place.span.begin,
                                                 place.span.end - place.span.begin);
    }

  private:
    std::vector<std::shared_ptr<const SourceFile>> files_;
};

}  // namespace vfm
