#include "core/base/source.h"

#include <algorithm>

namespace vfm {

SourceFile::SourceFile(std::string name, std::string text)
    : name_(std::move(name)), text_(std::move(text)) {
    if (text_.starts_with("\xef\xbb\xbf")) text_.erase(0, 3);
    starts_.push_back(0);
    for (size_t i = 0; i < text_.size(); ++i)
        if (text_[i] == '\n') starts_.push_back(static_cast<uint32_t>(i + 1));
}

Position SourceFile::position(uint32_t offset) const {
    offset = std::min(offset, static_cast<uint32_t>(text_.size()));
    auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    auto line = static_cast<uint32_t>(next - starts_.begin());
    return {line, offset - starts_[line - 1] + 1};
}

std::string_view SourceFile::line(uint32_t line) const {
    if (line == 0 || line > starts_.size()) return {};
    const size_t begin = starts_[line - 1];
    size_t end = line < starts_.size() ? starts_[line] - 1 : text_.size();
    if (end > begin && text_[end - 1] == '\r') --end;
    return std::string_view(text_).substr(begin, end - begin);
}

uint32_t SourceFile::line_count() const {
    const auto lines = static_cast<uint32_t>(starts_.size());
    return starts_.back() == text_.size() ? lines - 1 : lines;
}

}  // namespace vfm
