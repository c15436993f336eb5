// What a command took how long for, as `attach -v` shows it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/clock.h"

namespace vfm {

struct StepTime {
    std::string_view step;  ///< "to translate": behind "0.3 ms"
    uint64_t nanoseconds = 0;
};

/// Steps of a piece of work, one behind the other.
class StepTimes {
  public:
    /// What has passed since the last step, or since the object was made, was this step.
    void took(std::string_view step) {
        const uint64_t now = monotonic_now();
        all_.push_back({step, now - last_});
        last_ = now;
    }
    const std::vector<StepTime>& all() const { return all_; }

  private:
    std::vector<StepTime> all_;
    uint64_t last_ = monotonic_now();
};

}  // namespace vfm
