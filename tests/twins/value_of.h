// What must be there, in the tests of this room.
#pragma once

#include <boost/test/unit_test.hpp>
#include <utility>

#include "core/base/result.h"

namespace vfm::twins {

/// Ends the test with the reason if there is none.
template <class T>
T value_of(Result<T> result) {
    if (!result) BOOST_FAIL(render(result.error().diagnostics));
    return *std::move(result);
}

}  // namespace vfm::twins
