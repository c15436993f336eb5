#include "loader/verbs/line_reader.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "loader/kernel.h"

namespace vfm {

namespace {

constexpr size_t kMostTogether = 20'000;

}  // namespace

bool LineReader::more_is_there() const {
    pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
    return poll(&ready, 1, 0) > 0;
}

void LineReader::take(std::string_view bytes, std::vector<NumberedLine>& lines) {
    while (!bytes.empty()) {
        const size_t end = bytes.find('\n');
        const std::string_view part = bytes.substr(0, end);
        begun_ += part.substr(0, kMostLine + 1 - begun_.size());
        if (end == bytes.npos) return;
        lines.push_back({++number_, std::move(begun_)});
        begun_.clear();
        bytes.remove_prefix(end + 1);
    }
}

Result<std::vector<NumberedLine>> LineReader::next() {
    std::vector<NumberedLine> lines;
    std::array<char, 65536> bytes;
    while (!ended_ && (lines.empty() || (lines.size() < kMostTogether && more_is_there()))) {
        const ssize_t count = read(fd_, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0)
            return refuse("<stdin>", fmt::format("cannot be read: {}", error_text(errno)));
        ended_ = count == 0;
        take({bytes.data(), static_cast<size_t>(count)}, lines);
    }
    if (ended_ && !begun_.empty()) {
        lines.push_back({++number_, std::move(begun_)});
        begun_.clear();
    }
    return lines;
}

}  // namespace vfm
