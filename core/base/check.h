// Internal invariants. User input can never reach a failing one; a fuzzer treats it as a crash.
#pragma once

#include <cstdio>
#include <cstdlib>

/// Aborts with the place and `what` must hold. Stays in release builds: a wrong verdict is worse
/// than a stopped process.
#define VFM_CHECK(condition, what)                                                             \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            std::fprintf(stderr, "%s:%d: internal error: must hold: %s\n", __FILE__, __LINE__, \
                         (what));                                                              \
            std::abort();                                                                      \
        }                                                                                      \
    } while (false)
