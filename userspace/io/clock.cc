#include "userspace/io/clock.h"

#include <array>

namespace vfm {
namespace {

__extension__ using Wide = __int128;

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr unsigned kNanoseconds = 9;  // the resolution of what is given

constexpr std::array<uint64_t, 20> kPowersOfTen = [] {
    std::array<uint64_t, 20> powers{1};
    for (unsigned i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
    return powers;
}();

Wide without_offset(uint8_t resolution, uint64_t ticks) {
    const unsigned power = resolution & 0x7fu;
    if (resolution & 0x80u) return Wide{ticks} * kNanosecondsPerSecond >> power;
    if (power <= kNanoseconds) return Wide{ticks} * kPowersOfTen[kNanoseconds - power];
    const unsigned less = power - kNanoseconds;
    return less < kPowersOfTen.size() ? ticks / kPowersOfTen[less] : 0;
}

}  // namespace

uint64_t CaptureClock::nanoseconds(uint64_t ticks) const {
    const Wide all = without_offset(resolution, ticks) + Wide{offset} * kNanosecondsPerSecond;
    if (all < 0) return 0;
    return all > Wide{UINT64_MAX} ? UINT64_MAX : static_cast<uint64_t>(all);
}

}  // namespace vfm
