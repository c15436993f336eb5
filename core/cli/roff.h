// Manual pages in roff, written part by part.
#pragma once

#include <string>
#include <string_view>

namespace vfm::cli {

/// Text as roff shows it: minus signs stay minus signs and no line is taken for a request.
std::string roff(std::string_view text);

/// A page from its head to its end. Texts are plain; an empty line in one begins a new paragraph.
class Page {
  public:
    Page() = default;  ///< a part of one, without a head
    /// "vfm-isa", 7 and one phrase without a full stop.
    Page(std::string_view name, unsigned section, std::string_view summary);

    Page& section(std::string_view title);
    Page& subsection(std::string_view title);
    Page& paragraphs(std::string_view text);
    /// A term in bold and what it means, indented.
    Page& item(std::string_view term, std::string_view text);
    /// Lines as they stand, in a fixed font.
    Page& verbatim(std::string_view lines);
    /// Parts that are roff already.
    Page& raw(std::string_view text);

    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

}  // namespace vfm::cli
