// The system's clocks as numbers.
#pragma once

#include <cstdint>
#include <ctime>

namespace vfm {

/// Nanoseconds of a clock of clock_gettime(2), which cannot fail for those that every kernel has.
inline uint64_t nanoseconds_of(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

/// Nanoseconds since boot without the time asleep, as the kernel's bpf_ktime_get_ns() gives them.
inline uint64_t monotonic_now() { return nanoseconds_of(CLOCK_MONOTONIC); }

/// Nanoseconds since boot with the time asleep.
inline uint64_t boot_now() { return nanoseconds_of(CLOCK_BOOTTIME); }

}  // namespace vfm
