// The median of measured values: one definition for everything that takes times.
#pragma once

#include <algorithm>
#include <vector>

#include "core/base/check.h"

namespace vfm {

/// The middle value; of an even number the mean of the two middle ones. At least one value.
inline double median(std::vector<double> values) {
    VFM_CHECK(!values.empty(), "something was measured");
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    if (values.size() % 2 == 1) return *middle;
    return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

}  // namespace vfm
