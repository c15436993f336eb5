// How far a run of vfm-test is, on a terminal.
#pragma once

#include <chrono>
#include <cstdint>

#include "userspace/io/capture.h"

namespace vfm {

/// A line on stderr that is written over again and again; nothing where it is not wanted. Whoever
/// prints something else clears it first.
class Progress {
  public:
    Progress(const CaptureReader& capture, bool wanted) : capture_(capture), wanted_(wanted) {}
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// After each packet, with its number.
    void at(uint64_t packet) {
        if (wanted_ && packet % kStride == 0) [[unlikely]]
            show(packet);
    }
    void clear();

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr uint64_t kStride = 1024;  // packets between two looks at the clock

    void show(uint64_t packet);

    const CaptureReader& capture_;
    bool wanted_;
    bool shown_ = false;
    Clock::time_point start_ = Clock::now(), last_ = start_;
};

/// "42 %  1,234,567 packets, 4.1 million a second". `size` 0: unknown.
std::string progress_text(uint64_t read, uint64_t size, uint64_t packets, double seconds);

}  // namespace vfm
