#include "core/asm/lexer.h"

#include <algorithm>

#include "core/asm/assembler.h"
#include "core/asm/quote.h"

namespace vfm::assembly {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

bool begins_label(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '.';
}
bool continues_label(char c) { return begins_label(c) || (c >= '0' && c <= '9'); }

/// Length of the label's name at the start of `text`, 0 if none or no colon follows at once.
size_t label_length(std::string_view text) {
    if (text.empty() || !begins_label(text[0])) return 0;
    const auto end = std::ranges::find_if_not(text, continues_label);
    if (end == text.end() || *end != ':') return 0;
    return static_cast<size_t>(end - text.begin());
}

/// A place in a line.
class Cursor {
  public:
    Cursor(std::string_view text, uint32_t offset) : text_(text), offset_(offset) {}
    void skip_space() {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }
    bool done() const { return at_ == text_.size() || text_[at_] == ';'; }
    std::string_view rest() const { return text_.substr(at_); }
    char peek() const { return text_[at_]; }
    std::string_view take(size_t count) {
        const std::string_view taken = text_.substr(at_, count);
        at_ += taken.size();
        return taken;
    }
    uint32_t offset() const { return offset_ + static_cast<uint32_t>(at_); }

  private:
    std::string_view text_;
    uint32_t offset_;
    size_t at_ = 0;
};

size_t word_length(std::string_view text) {
    const auto ends = [](char c) { return is_space(c) || c == ';' || c == '"'; };
    return static_cast<size_t>(std::ranges::find_if(text, ends) - text.begin());
}

}  // namespace

void Errors::add(Span span, std::string message, std::string hint) {
    if (found_.size() < kMaxAssemblyErrors)
        found_.emplace(span.begin,
                       Diagnostic::at(source_, span, std::move(message), std::move(hint)));
    else
        more_ = true;
}

std::vector<Diagnostic> Errors::take() {
    std::vector<Diagnostic> result;
    for (auto& [place, diagnostic] : found_) result.push_back(std::move(diagnostic));
    if (more_) {
        result.push_back(Diagnostic::about(source_->name(), "there are more errors than these"));
        result.back().severity = Severity::note;
    }
    return result;
}

bool is_label(std::string_view text) {
    return !text.empty() && begins_label(text[0]) && std::ranges::all_of(text, continues_label);
}

Line split_line(std::string_view text, uint32_t offset, Errors& errors) {
    Line line;
    Cursor cursor(text, offset);
    for (cursor.skip_space(); !cursor.done(); cursor.skip_space()) {
        const size_t length = label_length(cursor.rest());
        if (length == 0) break;
        const uint32_t begin = cursor.offset();
        const std::string name(cursor.take(length));
        line.labels.push_back({name, {begin, cursor.offset()}, false});
        cursor.take(1);
    }
    for (cursor.skip_space(); !cursor.done(); cursor.skip_space()) {
        const uint32_t begin = cursor.offset();
        if (cursor.peek() != '"') {
            const std::string word(cursor.take(word_length(cursor.rest())));
            line.tokens.push_back({word, {begin, cursor.offset()}, false});
            continue;
        }
        const Unquoted string = unquote(cursor.rest());
        cursor.take(string.length);
        const Span span{begin, cursor.offset()};
        if (string.fault.empty()) {
            line.tokens.push_back({string.text, span, true});
        } else {
            errors.add(span, std::string(string.fault));
            line.broken = true;
        }
    }
    return line;
}

}  // namespace vfm::assembly
