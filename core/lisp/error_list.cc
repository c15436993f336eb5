#include "core/lisp/error_list.h"

#include <fmt/core.h>

#include <utility>

namespace vfm::lisp {

bool ErrorList::has_room() {
    if (list_.size() < kMaxErrors) return true;
    left_out_ = true;
    return false;
}

void ErrorList::add(Diagnostic diagnostic) {
    const uint32_t place = diagnostic.span.begin;
    list_.emplace(place, std::move(diagnostic));
}

void ErrorList::error(Span span, std::string message, std::string hint) {
    ++errors_;
    if (has_room()) add(Diagnostic::at(source_, span, std::move(message), std::move(hint)));
}

void ErrorList::warning(Span span, std::string message) {
    if (!has_room()) return;
    Diagnostic diagnostic = Diagnostic::at(source_, span, std::move(message));
    diagnostic.severity = Severity::warning;
    add(std::move(diagnostic));
}

void ErrorList::error_after_last_line(std::string message) {
    ++errors_;
    if (!has_room()) return;
    // The line after an unfinished last line is no place in the text: finish that line first.
    std::string text(source_->text());
    if (!text.empty() && text.back() != '\n') text += '\n';
    const auto end = static_cast<uint32_t>(text.size());
    auto finished = std::make_shared<const SourceFile>(source_->name(), std::move(text));
    add(Diagnostic::at(std::move(finished), {end, end}, std::move(message)));
}

std::vector<Diagnostic> ErrorList::take() {
    std::vector<Diagnostic> out;
    for (auto& [place, diagnostic] : list_) out.push_back(std::move(diagnostic));
    list_.clear();
    if (left_out_)
        out.push_back(Diagnostic::about(
            source_->name(),
            fmt::format("more than {} messages, the rest is left out", kMaxErrors)));
    return out;
}

}  // namespace vfm::lisp
