// How what the kernel takes grows with a filter: the same kind of filter in several sizes.
#pragma once

#include <span>
#include <string>

#include "tests/bench/kernel/loaded.h"

namespace vfm::bench {

struct CurveFamily {
    std::string_view name;  ///< "rules"
    std::string_view what;  ///< one phrase
    std::string (*lisp)(unsigned n);
};

std::span<const CurveFamily> curve_families();

struct CurvePoint {
    std::string family;
    unsigned n = 0;
    std::string refused;  ///< why, or nothing
    Size size;
    double load_ms = 0;  ///< the least of several loads, without the maps
};

/// Compiles and loads it. Says why where that does not go.
CurvePoint curve_point(const CurveFamily& family, unsigned n);

}  // namespace vfm::bench
