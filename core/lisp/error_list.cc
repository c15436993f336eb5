#include "core/lisp/error_list.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace vfm::lisp {

bool ErrorList::has_room() {
    if (list_.size() < kMaxErrors) return true;
    left_out_ = true;
    return false;
}

void ErrorList::error(Span span, std::string message, std::string hint) {
    ++errors_;
    if (has_room())
        list_.push_back(Diagnostic::at(source_, span, std::move(message), std::move(hint)));
}

void ErrorList::warning(Span span, std::string message) {
    if (!has_room()) return;
    list_.push_back(Diagnostic::at(source_, span, std::move(message)));
    list_.back().severity = Severity::warning;
}

void ErrorList::error_after_last_line(std::string message) {
    // The line after an unfinished last line is no place in the text: finish that line first.
    std::string text(source_->text());
    if (!text.empty() && text.back() != '\n') text += '\n';
    const auto end = static_cast<uint32_t>(text.size());
    auto finished = std::make_shared<const SourceFile>(source_->name(), std::move(text));
    ++errors_;
    if (has_room())
        list_.push_back(Diagnostic::at(std::move(finished), {end, end}, std::move(message)));
}

std::vector<Diagnostic> ErrorList::take() {
    const auto place = [](const Diagnostic& d) { return d.span.begin; };
    std::ranges::stable_sort(list_, {}, place);
    if (left_out_)
        list_.push_back(Diagnostic::about(
            source_->name(),
            fmt::format("more than {} messages, the rest is left out", kMaxErrors)));
    return std::exchange(list_, {});
}

}  // namespace vfm::lisp
