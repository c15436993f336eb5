// VFLisp filters that compile, for differential tests.
#pragma once

#include <string>

#include "tests/harness/rng.h"

namespace vfm::test {

struct RandomLisp {
    bool clock = true;       ///< time, chance and token buckets too
    bool extensions = true;  ///< else the manual's language alone
};

/// Definitions and a filter; the forms and fields are those of their tables.
std::string random_lisp(Rng& rng, RandomLisp wanted = {});

}  // namespace vfm::test
