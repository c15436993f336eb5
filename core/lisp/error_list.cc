#include "core/lisp/error_list.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace vfm::lisp {

void ErrorList::add(Diagnostic diagnostic) {
    if (diagnostic.severity == Severity::error) ++errors_;
    if (full())
        left_out_ = true;
    else
        list_.push_back(std::move(diagnostic));
}

void ErrorList::error(Span span, std::string message, std::string hint) {
    add(Diagnostic::at(source_, span, std::move(message), std::move(hint)));
}

void ErrorList::warning(Span span, std::string message) {
    Diagnostic diagnostic = Diagnostic::at(source_, span, std::move(message));
    diagnostic.severity = Severity::warning;
    add(std::move(diagnostic));
}

void ErrorList::error_after_last_line(std::string message) {
    // The line after an unfinished last line is no place in the text: finish that line first.
    std::string text(source_->text());
    if (!text.empty() && text.back() != '\n') text += '\n';
    const auto end = static_cast<uint32_t>(text.size());
    auto finished = std::make_shared<const SourceFile>(source_->name(), std::move(text));
    add(Diagnostic::at(std::move(finished), {end, end}, std::move(message)));
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
