#include "userspace/io/byte_window.h"

#include <algorithm>
#include <cstring>

namespace vfm {

Result<> ByteWindow::read_more(size_t size) {
    std::memmove(buffer_.data(), data(), ready());
    base_ += begin_;
    end_ -= begin_;
    begin_ = 0;
    while (end_ < size && !ended_) {
        if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
        const size_t got = TRY(source_->read(std::span(buffer_).subspan(end_)));
        ended_ = got == 0;
        end_ += got;
    }
    return {};
}

Result<uint64_t> ByteWindow::skip(uint64_t size) {
    uint64_t left = size;
    while (left != 0) {
        TRY(fill(1));
        if (ready() == 0) break;
        const auto step = static_cast<size_t>(std::min<uint64_t>(left, ready()));
        take(step);
        left -= step;
    }
    return size - left;
}

}  // namespace vfm
