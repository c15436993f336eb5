// How much a test does: full size in a release build, a share of it where code runs slowly.
#pragma once

#include <algorithm>
#include <cstdlib>

namespace vfm::test {

/// `full` divided by what the build costs (sanitizers, no optimisation); VFM_TEST_SCALE in the
/// environment, in percent, multiplies it.
inline unsigned sized(unsigned full) {
#if defined(__SANITIZE_ADDRESS__)
    unsigned count = full / 12;
#elif !defined(__OPTIMIZE__)
    unsigned count = full / 6;
#else
    unsigned count = full;
#endif
    if (const char* percent = std::getenv("VFM_TEST_SCALE"))
        count = static_cast<unsigned>(count * std::strtoull(percent, nullptr, 10) / 100);
    return std::max(count, 1u);
}

}  // namespace vfm::test
