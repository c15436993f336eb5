// How much a test does: full size in a release build, a share of it where code runs slowly.
#pragma once

#include <algorithm>
#include <cstdlib>

// Each compiler says it in its own way.
#if defined(__SANITIZE_ADDRESS__)
#define VFM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VFM_SANITIZED 1
#endif
#endif

namespace vfm::test {

/// `full` divided by what the build costs (sanitizers, no optimisation); VFM_TEST_SCALE in the
/// environment, in percent, multiplies it.
inline unsigned sized(unsigned full) {
#if VFM_SANITIZED
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
