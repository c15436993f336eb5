#include "userspace/tools/test_progress.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace vfm {
namespace {

constexpr auto kEvery = std::chrono::milliseconds(200);

std::string with_commas(uint64_t number) {
    std::string digits = std::to_string(number);
    for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
    return digits;
}

}  // namespace

std::string progress_text(uint64_t read, uint64_t size, uint64_t packets, double seconds) {
    // A file that grows meanwhile is never more than read.
    const std::string part =
        size == 0
            ? ""
            : fmt::format("{:3} %  ",
                          static_cast<unsigned>(100.0 * static_cast<double>(std::min(read, size)) /
                                                static_cast<double>(size)));
    const double rate = seconds > 0 ? static_cast<double>(packets) / seconds / 1e6 : 0;
    return fmt::format("{}{} packets, {:.1f} million a second", part, with_commas(packets), rate);
}

void Progress::show(uint64_t packet) {
    const auto now = Clock::now();
    if (now - last_ < kEvery) return;
    last_ = now;
    shown_ = true;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    fmt::print(stderr, "\r{}\033[K",
               progress_text(capture_.file_read(), capture_.file_size(), packet, seconds));
    std::fflush(stderr);
}

void Progress::clear() {
    if (!shown_) return;
    shown_ = false;
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
}

}  // namespace vfm
