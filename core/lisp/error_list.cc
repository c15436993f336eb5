#include "core/lisp/error_list.h"

#include <fmt/core.h>

namespace vfm::lisp {

bool ErrorList::has_room() {
    if (list_.size() < kMaxErrors) return true;
    left_out_ = true;
    return false;
}

void ErrorList::add(uint32_t file, Diagnostic diagnostic) {
    const std::pair place(file, diagnostic.span.begin);
    list_.emplace(place, std::move(diagnostic));
}

void ErrorList::error(Place place, std::string message, std::string hint) {
    ++errors_;
    if (!has_room()) return;
    add(place.file, Diagnostic::at(sources_->file(place.file), place.span, std::move(message),
                                   std::move(hint)));
}

void ErrorList::warning(Place place, std::string message) {
    if (!has_room()) return;
    Diagnostic diagnostic =
        Diagnostic::at(sources_->file(place.file), place.span, std::move(message));
    diagnostic.severity = Severity::warning;
    add(place.file, std::move(diagnostic));
}

void ErrorList::error_after_last_line(uint32_t file, std::string message) {
    ++errors_;
    if (!has_room()) return;
    // The line after an unfinished last line is no place in the text: finish that line first.
    std::string text(sources_->file(file)->text());
    if (!text.empty() && text.back() != '\n') text += '\n';
    const auto end = static_cast<uint32_t>(text.size());
    auto finished =
        std::make_shared<const SourceFile>(sources_->file(file)->name(), std::move(text));
    add(file, Diagnostic::at(std::move(finished), {end, end}, std::move(message)));
}

std::vector<Diagnostic> ErrorList::take() {
    std::vector<Diagnostic> out;
    for (auto& [place, diagnostic] : list_) out.push_back(std::move(diagnostic));
    list_.clear();
    if (left_out_)
        out.push_back(Diagnostic::about(
            sources_->file(0)->name(),
            fmt::format("more than {} messages, the rest is left out", kMaxErrors)));
    return out;
}

}  // namespace vfm::lisp
